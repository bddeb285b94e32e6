package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTurned checks images that EXIF or XMP turns in ways that are easily missed: an annotation has the upright size.
func TestTurned(t *testing.T) {
	names := []string{
		"jpeg/two EXIF", "jpeg/exif type 4, LE", "jpeg/XMP 6", "jpeg/EXIF before the scan", "png/exif with the prefix",
		"png/profile in zTXt", "webp/exif with the prefix", "webp/EXIF, animated", "tiff/1, group4, orientation 6",
	}
	data, err := os.ReadFile("../../imaging/testdata/matrix.jsonl")
	require.NoError(t, err)
	tried := 0
	for line := range bytes.Lines(data) {
		var c struct {
			Name string
			File []byte
			W, H int
		}
		require.NoError(t, json.Unmarshal(line, &c))
		for _, name := range names {
			if name != c.Name {
				continue
			}
			tried++
			write := func(dir string) { require.NoError(t, os.WriteFile(filepath.Join(dir, "a.png"), c.File, 0o644)) }
			annotated := func(w, h int) string {
				return fmt.Sprintf(`{"id": 1, "file_name": "a.png", "width": %d, "height": %d}`, w, h)
			}
			box := `{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 3, 3]}`
			_, errors, _ := found(t, annotated(c.W, c.H), box, write)
			require.Empty(t, errors, name)
			_, errors, _ = found(t, annotated(c.H, c.W), box, write)
			require.Len(t, errors, 1, name)
			require.Contains(t, strings.ToLower(fmt.Sprint(errors)), "exif", name)
		}
	}
	require.Equal(t, len(names), tried)
}
