package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// manifest is what package.json says about the plugin that belongs to an npm package.
type manifest struct {
	Name    string                  `json:"name"`
	Version string                  `json:"version"`
	Pulumi  plugin.PulumiPluginJSON `json:"pulumi"`
}

// GetRequiredPackages names the resource plugins of all npm packages that the program can import. The versions found
// here become those of the default providers.
func (*host) GetRequiredPackages(
	_ context.Context, request *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	response := &pulumirpc.GetRequiredPackagesResponse{}
	for _, modules := range nodeModules(request.GetInfo().GetProgramDirectory()) {
		paths, err := manifestPaths(modules)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			dependency, err := pluginOf(path)
			if err != nil {
				return nil, err
			}
			if dependency != nil {
				response.Packages = append(response.Packages, dependency)
			}
		}
	}
	return response, nil
}

// nodeModules lists the node_modules folders that Node searches from a directory, nearest first.
func nodeModules(directory string) []string {
	var found []string
	for {
		modules := filepath.Join(directory, "node_modules")
		if info, err := os.Stat(modules); err == nil && info.IsDir() {
			found = append(found, modules)
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return found
		}
		directory = parent
	}
}

// manifestPaths lists the package.json files of a node_modules folder. A package's own node_modules are not searched:
// an SDK there serves that package, not the program.
func manifestPaths(modules string) ([]string, error) {
	var paths []string
	for _, pattern := range []string{"*/package.json", "@*/*/package.json"} {
		matches, err := filepath.Glob(filepath.Join(modules, pattern))
		if err != nil {
			return nil, fmt.Errorf("listing packages in %s: %w", modules, err)
		}
		paths = append(paths, matches...)
	}
	return paths, nil
}

// pluginOf is the resource plugin that the package of the given package.json needs, or nil if it needs none.
func pluginOf(path string) (*pulumirpc.PackageDependency, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var described manifest
	if err := json.Unmarshal(content, &described); err != nil {
		// Packages ship broken manifests as test data; one that npm installed but nobody can read holds no plugin.
		return nil, nil //nolint:nilerr
	}
	if !described.Pulumi.Resource {
		return nil, nil
	}
	dependency := &pulumirpc.PackageDependency{
		Name:    described.Pulumi.Name,
		Kind:    "resource",
		Version: described.Pulumi.Version,
		Server:  described.Pulumi.Server,
	}
	if dependency.Name == "" {
		dependency.Name = strings.TrimPrefix(described.Name, "@pulumi/")
	}
	if dependency.Version == "" {
		dependency.Version = described.Version
	}
	if parameters := described.Pulumi.Parameterization; parameters != nil {
		dependency.Parameterization = &pulumirpc.PackageParameterization{
			Name:    parameters.Name,
			Version: parameters.Version,
			Value:   parameters.Value,
		}
	}
	return dependency, nil
}
