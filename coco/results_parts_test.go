package coco

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// longResults is a file of n detections, with extra between the fields of each.
func longResults(n int, extra string) string {
	var b strings.Builder
	b.WriteString(" [")
	for i := range n {
		if i > 0 {
			b.WriteString(" ,\n")
		}
		fmt.Fprintf(&b, `{"image_id": %d, %s"category_id": %d, "bbox": [%d.25, 1, 2, 3.5], "score": 0.%06d}`, i, extra, i%7, i, i)
	}
	b.WriteString("]\n")
	return b.String()
}

// TestResultsParts reads files in parts and in order.
func TestResultsParts(t *testing.T) {
	const n = 40_000
	cases := map[string]struct {
		text string
		ok   bool
	}{
		"plain":            {longResults(n, ""), true},
		"nested":           {longResults(n, `"segmentation": {"size": [1, 2], "counts": "x"}, `), true},
		"list of objects":  {longResults(n, `"parts": [{"a": 1}, {"a": 2}], `), false}, // a wrong guess, found out
		"braces in string": {longResults(n, `"note": "}, {", `), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			want, err := readResults(strings.NewReader(c.text), int64(len(c.text)))
			require.NoError(t, err)
			require.Equal(t, n, want.Len())
			for parts := 2; parts < 5; parts++ {
				got, ok := readResultsParts(strings.NewReader(c.text), int64(len(c.text)), parts)
				if c.ok {
					require.True(t, ok)
				}
				if ok {
					require.Equal(t, want, got, "%d parts", parts)
				}
			}
			path := writeFile(t, filepath.Join(t.TempDir(), "dt.json"), c.text)
			got, err := ReadResults(path)
			require.NoError(t, err)
			want.Path = path
			require.Equal(t, want, got)
		})
	}
}

// TestResultsPartsErrors says the same of a broken large file as of a small one.
func TestResultsPartsErrors(t *testing.T) {
	text := longResults(40_000, "")
	cases := map[string]struct{ text, want string }{
		"truncated": {text[:len(text)-20], "[39999]"},
		"no end":    {text[:len(text)-2], "the file ends where a comma"},
		"trailing":  {text + "]", "where the end of the file"},
		"NaN":       {strings.Replace(text, "30000.25", "NaN", 1), "[30000].bbox: [0]: NaN"},
		"comma":     {strings.Replace(text, "} ,\n{\"image_id\": 30000", "} \n{\"image_id\": 30000", 1), "where a comma"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dt.json")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o644))
			_, err := ReadResults(path)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, path)
		})
	}
}
