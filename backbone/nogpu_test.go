//go:build !gpu

package backbone

import (
	"testing"

	"scalenet/engine"
)

// gpus are none: the tag gpu is not set.
func gpus(*testing.T) map[string]engine.Device { return nil }
