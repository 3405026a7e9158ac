// Command pulumi-resource-random serves HashiCorp's Terraform provider for randomness as version 4.21.2 of Pulumi's
// random package, so that state and programs cannot tell it from the published plugin.
package main

import (
	"context"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	bridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	random "github.com/terraform-providers/terraform-provider-random/shim"

	"thoth-letta/offline/toolchain/bridgeschema"
)

const version = "4.21.2"

func main() {
	info := provider()
	metadata := tfbridge.ProviderMetadata{PackageSchema: bridgeschema.Marshal(info)}
	tfbridge.Main(context.Background(), info.Name, info, metadata)
}

func provider() bridge.ProviderInfo {
	info := bridge.ProviderInfo{
		P:            tfbridge.ShimProvider(random.New()),
		Name:         "random",
		Version:      version,
		MetadataInfo: bridge.NewProviderMetadata([]byte("{}")),
	}
	info.MustComputeTokens(tokens.SingleModule("random_", "index", randomToken))
	return info
}

// randomToken adds the prefix that the package's resources carry: `random_id` is RandomId.
func randomToken(module, name string) (string, error) {
	return tokens.MakeStandard("random")(module, "Random"+name)
}
