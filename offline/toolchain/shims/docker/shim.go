// Package shim gives the Docker provider's constructor, which upstream keeps in an internal package, a public name.
package shim

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"

	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// New returns the Docker provider that reports the given version of itself.
func New(version string) *schema.Provider {
	return provider.New(version)()
}
