package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// testDocs shows a description with everything that OpenAPI has and ours may come to have.
func testDocs(t *testing.T, b *bench) {
	p := b.docs(t, "testdata/openapi.yaml")
	p.wait(`document.querySelector(".operation")`)
	assert.Equal(t, "Sample API", p.text("#title"))
	assert.Equal(t, 3, eval[int](p, `document.querySelectorAll(".operation").length`))
	assert.Equal(t, 3, eval[int](p, `document.querySelectorAll("#contents a").length`))
	detect := p.text("#detect")
	for _, want := range []string{"POST", "/detect", "Find objects", "threshold", "query, number", "0 to 1; default 0.5", "image/jpeg", "Answer", "list of Detection", "422", "corrupt_image"} {
		assert.Contains(t, detect, want)
	}
	assert.Equal(t, b.URL[:7], eval[string](p, `document.querySelector("[data-address]").textContent.slice(0, 7)`))
	for _, scheme := range []string{"light", "dark"} {
		p.scheme(scheme)
		assert.Empty(t, unreadable(p), scheme)
		p.shot(scheme)
	}
	p.do(chromedp.EmulateViewport(390, 844))
	assert.Empty(t, eval[[]string](p, outside))
	p.shot("phone")
}

// testNoDocs: what cannot be read is said in words.
func testNoDocs(t *testing.T, b *bench) {
	p := b.docs(t, "testdata/absent.yaml", "status of 404")
	p.wait(`document.querySelector("#api [role=alert]")`)
	assert.Contains(t, p.text("#api"), "the server answers 404")
	p = b.docs(t, "testdata/contrast.js")
	p.wait(`document.querySelector("#api [role=alert]")`)
	assert.Contains(t, p.text("#api"), "could not be shown: ")
}

// docs opens /docs with another description.
func (b *bench) docs(t *testing.T, description string, expected ...string) *tab {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/openapi.yaml" {
			b.handler.Handler().ServeHTTP(w, r)
			return
		}
		data, err := os.ReadFile(description)
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(data)
	}))
	t.Cleanup(s.Close)
	return b.newTab(t, s.URL+"/docs", expected...)
}

// testYAML holds the page's reader against go.yaml.in/yaml.
func testYAML(t *testing.T, b *bench) {
	p := b.newTab(t, b.URL)
	read := func(text string) string {
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		return eval[string](p, fmt.Sprintf(`import("/js/yaml.js").then(({parse}) => JSON.stringify(parse(%s)))`, quoted))
	}
	for _, name := range []string{"testdata/sample.yaml", "testdata/openapi.yaml", "../server/openapi.yaml"} {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		var want any
		require.NoError(t, yaml.Unmarshal(data, &want))
		wanted, err := json.Marshal(want)
		require.NoError(t, err)
		assert.JSONEq(t, string(wanted), read(string(data)), name)
	}
	for text, message := range map[string]string{
		"a: &anchor 1":         "line 2: & is not supported",
		"a: 1\n  b: 2":         "line 2: a second colon in a plain value",
		"a: b: c":              "line 1: a second colon in a plain value",
		"a: [1]\n  b: 2":       "line 2: unexpected indent",
		"a: 1\na: 2":           "line 2: the key a is there twice",
		"a: [1, 2":             "expected , or ]",
		"a: \"open":            "expected the closing quote",
		"a:\n\t- 1":            "line 2: a tab in the indent",
		"- 1\nkey: 2":          "line 2: expected the end",
		"a: [1] 2":             "unexpected 2",
		"a: |9\n  text":        "unknown header of a block scalar",
		"just words\nand more": "",
	} {
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		got := eval[string](p, fmt.Sprintf(`import("/js/yaml.js").then(({parse}) => parse(%s)).then(() => "", (e) => e.message)`, quoted))
		assert.Contains(t, got, message, text)
	}
}
