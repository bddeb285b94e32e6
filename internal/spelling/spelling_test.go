package spelling

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNearest(t *testing.T) {
	flags := []string{"model", "out", "threads", "threshold", "device", "json"}
	for typed, want := range map[string]string{
		"trheshold": "threshold", "THRESHOLD": "threshold", "thresholds": "threshold", "thres": "threshold", "thre": "",
		"modle": "model", "mod": "model", "m": "model", "devise": "device", "jsno": "json", "ou": "out", "frobnicate": "", "": "",
		strings.Repeat("x", 1<<20): "",
	} {
		require.Equal(t, want, Nearest(typed, flags), "%.40s", typed)
	}
	require.Equal(t, "train", Nearest("trian", []string{"eval", "train", "train-images"}))
	require.Equal(t, `; did you mean "eval"?`, DidYouMean("evl", []string{"eval"}, func(s string) string { return `"` + s + `"` }))
	require.Empty(t, DidYouMean("nope", []string{"eval"}, strings.ToUpper))
}

func FuzzNearest(f *testing.F) {
	f.Add("trheshold", "threshold", "threads")
	f.Add("\xff", "ü", "")
	f.Fuzz(func(t *testing.T, word, a, b string) {
		known := []string{a, b}
		near := Nearest(word, known)
		require.True(t, near == "" || slices.Contains(known, near))
		if a != "" && len(a) < 100 {
			require.Equal(t, strings.ToLower(a), strings.ToLower(Nearest(a, known)), "itself is nearest")
		}
	})
}
