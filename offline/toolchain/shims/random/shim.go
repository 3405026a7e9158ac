// Package shim gives the random provider's constructor, which upstream keeps in an internal package, a public name.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"

	random "github.com/terraform-providers/terraform-provider-random/internal/provider"
)

// New returns the random provider.
func New() provider.Provider {
	return random.New()
}
