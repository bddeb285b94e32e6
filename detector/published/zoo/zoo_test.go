package zoo

import (
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModels(t *testing.T) {
	names, files := map[string]bool{}, map[string]bool{}
	for _, m := range Models() {
		require.Regexp(t, regexp.MustCompile(`^[a-z0-9_.-]+$`), m.Name, "a file name and a part of URLs")
		require.False(t, names[m.Name] || files[m.File()], "%s: twice", m.Name)
		names[m.Name], files[m.File()] = true, true
		u, err := url.Parse(m.URL)
		require.NoError(t, err)
		require.Equal(t, "https", u.Scheme, m.Name)
		require.NotEmpty(t, path.Ext(m.File()), m.Name)
		require.Regexp(t, regexp.MustCompile(`^([0-9a-f]{8}|[0-9a-f]{64}|md5:[0-9a-f]{6})?$`), m.Sum, m.Name)
		require.NotEmpty(t, m.Source)
		require.NotEmpty(t, m.Licence)
		require.True(t, m.AP > 20 && m.AP < 70, m.Name)
		require.True(t, m.Bytes > 10<<20 && m.Bytes < 1<<30, m.Name)
		switch m.Source {
		case "torchvision", "mmdetection":
			require.True(t, strings.HasSuffix(m.URL, "-"+m.Sum[:8]+".pth"), m.Name)
		case "detectron2":
			require.True(t, strings.HasSuffix(m.URL, "_"+strings.TrimPrefix(m.Sum, "md5:")+".pkl"), m.Name)
		default:
			t.Errorf("%s: unknown source %s", m.Name, m.Source)
		}
	}
}
