//go:build gpu

package cuda

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The PTX was made of the sources that are there: make ptx after a change.
func TestPTXBelongsToItsSource(t *testing.T) {
	h := sha256.New()
	var sources []string
	for _, pattern := range []string{"kernels/*.cu", "kernels/*.h"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		sources = append(sources, found...)
	}
	slices.Sort(sources)
	for _, path := range sources {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		h.Write([]byte(filepath.Base(path) + "\x00"))
		h.Write(text)
		h.Write([]byte{0})
	}
	want := "// source sha256 " + hex.EncodeToString(h.Sum(nil))
	for name, ptx := range map[string]string{"70": ptx70, "80": ptx80, "90": ptx90} {
		first, _, _ := strings.Cut(ptx, "\n")
		assert.Equal(t, want, first, "kernels_%s.ptx is of other sources: make ptx", name)
		assert.Equal(t, signatures(ptx70), signatures(ptx), "kernels_%s.ptx", name)
	}
	assert.Equal(t, "ppi", signatures(ptx70)["relu_bf16"])
}
