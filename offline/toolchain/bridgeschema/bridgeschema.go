// Package bridgeschema describes a bridged provider as a Pulumi package schema.
//
// Published plugins embed a schema that was generated, documentation included, when they were released. This one is
// computed from the same provider information that the running bridge translates property names with, so what
// `pulumi package get-schema` answers is what the plugin does.
package bridgeschema

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/contract"
)

// Marshal returns the provider's package schema as JSON, without documentation.
func Marshal(info tfbridge.ProviderInfo) []byte {
	describer := describer{
		packageName: info.Name,
		types:       map[string]schema.ComplexTypeSpec{},
	}
	provider := describer.resource("Provider", info.P.Schema(), info.Config)
	specification := schema.PackageSpec{
		Name:    info.Name,
		Version: info.Version,
		// Tokens read "docker:index/network:Network"; what follows the slash is a file, not part of the module's name.
		Meta:      &schema.MetadataSpec{ModuleFormat: "(.*)(?:/[^/]*)"},
		Types:     describer.types,
		Provider:  &provider,
		Resources: map[string]schema.ResourceSpec{},
	}
	for name, resource := range info.Resources {
		token := string(resource.Tok)
		typeName := token[strings.LastIndex(token, ":")+1:]
		fields := info.P.ResourcesMap().Get(name).Schema()
		specification.Resources[token] = describer.resource(typeName, fields, resource.Fields)
	}
	content, err := json.Marshal(specification)
	contract.AssertNoErrorf(err, "a package schema is plain data")
	return content
}

// describer collects the object types that it meets while it describes resources.
type describer struct {
	packageName string
	types       map[string]schema.ComplexTypeSpec
}

func (d *describer) resource(
	typeName string, fields shim.SchemaMap, overrides map[string]*tfbridge.SchemaInfo,
) schema.ResourceSpec {
	outputs, required := d.properties(typeName, fields, overrides, func(shim.Schema) bool { return true })
	inputs, requiredInputs := d.properties(typeName, fields, overrides, isInput)
	// The id is part of every Pulumi resource and no property of its own.
	delete(outputs, "id")
	delete(inputs, "id")
	return schema.ResourceSpec{
		ObjectTypeSpec:  schema.ObjectTypeSpec{Type: "object", Properties: outputs, Required: required},
		InputProperties: inputs,
		RequiredInputs:  requiredInputs,
	}
}

func isInput(field shim.Schema) bool {
	return field.Optional() || field.Required()
}

// properties describes the fields that are wanted, and lists those that must be given.
func (d *describer) properties(
	typeName string, fields shim.SchemaMap, overrides map[string]*tfbridge.SchemaInfo, isWanted func(shim.Schema) bool,
) (described map[string]schema.PropertySpec, required []string) {
	described = map[string]schema.PropertySpec{}
	fields.Range(func(key string, field shim.Schema) bool {
		if !isWanted(field) {
			return true
		}
		name := tfbridge.TerraformToPulumiNameV2(key, fields, overrides)
		override := overrides[key]
		described[name] = schema.PropertySpec{
			TypeSpec: d.fieldType(typeName+strings.ToUpper(name[:1])+name[1:], field, override),
			Secret:   field.Sensitive(),
		}
		if field.Required() && (override == nil || !override.HasDefault()) {
			required = append(required, name)
		}
		return true
	})
	return described, required
}

// fieldType describes a field; `typeName` names the object type that a nested block needs.
func (d *describer) fieldType(typeName string, field shim.Schema, override *tfbridge.SchemaInfo) schema.TypeSpec {
	switch field.Type() {
	case shim.TypeBool:
		return schema.TypeSpec{Type: "boolean"}
	case shim.TypeInt:
		return schema.TypeSpec{Type: "integer"}
	case shim.TypeFloat:
		return schema.TypeSpec{Type: "number"}
	case shim.TypeString:
		return schema.TypeSpec{Type: "string"}
	case shim.TypeMap:
		if block, isBlock := field.Elem().(shim.Resource); isBlock {
			return d.objectType(typeName, block, override)
		}
		values := d.elementType(typeName, field, override)
		return schema.TypeSpec{Type: "object", AdditionalProperties: &values}
	case shim.TypeList, shim.TypeSet:
		items := d.elementType(typeName, field, override)
		if tfbridge.IsMaxItemsOne(field, override) {
			return items
		}
		return schema.TypeSpec{Type: "array", Items: &items}
	default:
		return schema.TypeSpec{Ref: "pulumi.json#/Any"}
	}
}

// elementType describes what a list, set or map holds. Upstream may leave that out, which means text.
func (d *describer) elementType(typeName string, field shim.Schema, override *tfbridge.SchemaInfo) schema.TypeSpec {
	switch element := field.Elem().(type) {
	case shim.Resource:
		return d.objectType(typeName, element, elementOverride(override))
	case shim.Schema:
		return d.fieldType(typeName, element, elementOverride(override))
	default:
		return schema.TypeSpec{Type: "string"}
	}
}

func (d *describer) objectType(typeName string, block shim.Resource, override *tfbridge.SchemaInfo) schema.TypeSpec {
	overrides := map[string]*tfbridge.SchemaInfo{}
	if override != nil {
		maps.Copy(overrides, override.Fields)
	}
	token := d.packageName + ":index/" + typeName + ":" + typeName
	properties, required := d.properties(typeName, block.Schema(), overrides, func(shim.Schema) bool { return true })
	d.types[token] = schema.ComplexTypeSpec{
		ObjectTypeSpec: schema.ObjectTypeSpec{Type: "object", Properties: properties, Required: required},
	}
	return schema.TypeSpec{Ref: "#/types/" + token}
}

func elementOverride(override *tfbridge.SchemaInfo) *tfbridge.SchemaInfo {
	if override == nil {
		return nil
	}
	return override.Elem
}
