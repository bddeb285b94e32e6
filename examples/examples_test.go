package examples

import (
	"io/fs"
	"path"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/imaging"
)

// The images can be read, and their licences are with them.
func TestFiles(t *testing.T) {
	names, err := fs.Glob(Files, "*")
	require.NoError(t, err)
	require.Contains(t, names, "LICENSE.bccd")
	require.Contains(t, names, "LICENSE.photographs")
	images := 0
	for _, name := range names {
		data, err := fs.ReadFile(Files, name)
		require.NoError(t, err)
		require.NotEmpty(t, data, name)
		if path.Ext(name) != ".jpg" {
			continue
		}
		_, err = imaging.Decode(data, imaging.Limits{})
		require.NoError(t, err, name)
		images++
	}
	require.NotZero(t, images)
}
