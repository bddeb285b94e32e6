package server

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadKeys(t *testing.T) {
	for text, want := range map[string][]string{
		"abcdefghijklmnop,qrstuvwxyz0123456\n# ops team of 2026\n": {"abcdefghijklmnop,qrstuvwxyz0123456"},
		"a":                             {"a"},
		"\xef\xbb\xbfa\r\n\r\n  \r\nb":  {"a", "b"},
		"#\n  # of mine\na#b\n\t\nc=/+": {"a#b", "c=/+"},
	} {
		got, err := ReadKeys(strings.NewReader(text))
		require.NoError(t, err, text)
		assert.Equal(t, want, got)
	}
	for text, want := range map[string]string{
		"":                           "no API key in it",
		"# nothing\n":                "no API key in it",
		"\n# x\nsecret \n":           "line 3: an API key has blanks around it",
		"a\n\tsecret":                "line 2: an API key has blanks around it",
		"a\nsecret # mine":           "line 2: an API key has a blank in it; a comment has a line of its own, which begins with #",
		"a\nb\nsecr\x00et":           "line 3: an API key has a character that is not printable ASCII",
		"\xff\xfes\x00e\x00":         "line 1: an API key has a character that is not printable ASCII",
		"sécret":                     "line 1: an API key has a character that is not printable ASCII",
		strings.Repeat("a\n", 600e3): "longer than 1048576 bytes",
	} {
		_, err := ReadKeys(strings.NewReader(text))
		require.EqualError(t, err, want)
		assert.NotContains(t, err.Error(), "secr")
	}
}

func TestSplitKeys(t *testing.T) {
	for text, want := range map[string][]string{"": nil, "a": {"a"}, "a,b": {"a", "b"}, ",a,\nb,": {"a", "b"}} {
		got, err := SplitKeys(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for text, want := range map[string]string{",": "no API key in it", " ": "key 1: an API key has blanks around it", "a, b": "key 2: an API key has blanks around it"} {
		_, err := SplitKeys(text)
		require.EqualError(t, err, want)
	}
}

// TestSchemes: the scheme's name is in any case, RFC 9110 11.1; a header for
// somebody else is in nobody's way.
func TestSchemes(t *testing.T) {
	s := serve(t, func(c *Config) { c.Keys = []string{"alpha,beta"} })
	for _, header := range [][]string{
		{"Authorization", "bearer alpha,beta"}, {"Authorization", "BEARER alpha,beta"}, {"Authorization", "Bearer   alpha,beta"},
		{"Authorization", "Basic x", "X-API-Key", "alpha,beta"}, {"Authorization", "Bearer x", "X-API-Key", "alpha,beta"},
	} {
		status, _, _ := s.send(t, "GET", "/models", "", nil, header...)
		assert.Equal(t, 200, status, header)
	}
	for _, header := range [][]string{
		{"X-API-Key", "alpha"}, {"X-API-Key", "beta"}, {"Authorization", "Bearer"}, {"Authorization", "alpha,beta"}, {"Authorization", "Bearer alpha"}, {"Authorization", "Bearer\talpha,beta"},
	} {
		status, _, _ := s.send(t, "GET", "/models", "", nil, header...)
		assert.Equal(t, 401, status, header)
	}
}

// What is read of a file of keys can be sent in a header, and is in it.
func FuzzReadKeys(f *testing.F) {
	for _, text := range []string{"a\nb\r\n# c\n", "a,b", "\xef\xbb\xbfx", " a", "\xff\xfea\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ReadKeys(strings.NewReader(text))
		if (err == nil) != (len(all) > 0) {
			t.Fatalf("%d keys, %v", len(all), err)
		}
		for _, key := range all {
			if checkKeyFormat(key) != nil || !strings.Contains(text, key) || key[0] == '#' {
				t.Fatalf("%q", key)
			}
		}
	})
}
