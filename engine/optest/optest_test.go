package optest

import (
	"strings"
	"testing"

	"scalenet/engine"
	"scalenet/engine/ref"
)

// The reference device passes its own table: what fails here is the table, the
// comparison or an alias.
// The reference device computes fused operations as their parts. (In float16, it is the oracle of package cuda's tests.)
func TestReference(t *testing.T) {
	Run(t, ref.New(ref.Options{}), ref.New(ref.Options{Fuse: true}), Options{Features: []engine.DType{engine.BFloat16}})
}

func TestCases(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if seen[c.Name] || strings.Contains(c.Name, " ") {
			t.Errorf("name %q is there twice or has spaces", c.Name)
		}
		seen[c.Name] = true
		if n := c.OutShape().TotalSize(); n < 1 {
			t.Errorf("%s: %d values", c.Name, n)
		}
	}
	t.Logf("%d cases", len(seen))
}
