package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// testDocs: the page shows all that the server's description has.
func testDocs(t *testing.T, b *bench) {
	data, err := os.ReadFile("../server/openapi.yaml")
	require.NoError(t, err)
	var api struct {
		Info  struct{ Title string }
		Paths map[string]map[string]yaml.Node
	}
	require.NoError(t, yaml.Unmarshal(data, &api))
	var want []string
	for path, item := range api.Paths {
		for method := range item {
			if method != "parameters" {
				want = append(want, strings.ToUpper(method)+path)
			}
		}
	}
	require.Greater(t, len(want), 10)
	p := b.newTab(t, b.URL+"/docs")
	p.wait(`document.querySelector(".operation")`)
	assert.Equal(t, api.Info.Title, p.text("#title"))
	assert.ElementsMatch(t, want, eval[[]string](p, `[...document.querySelectorAll(".operation h3")].map((e) => e.textContent)`))
	assert.ElementsMatch(t, want, eval[[]string](p, `[...document.querySelectorAll("#contents a")].map((e) => e.textContent)`))
	assert.Empty(t, eval[[]string](p, `[...document.querySelectorAll("#contents a")].map((e) => e.hash.slice(1)).filter((id) => !document.getElementById(id))`))
	detect := p.text("#detect")
	for _, want := range []string{"threshold", "query, number", "0 to 1", "multipart/form-data", "list of Detection", "timing_ms", "503", "Retry-After", "request_id"} {
		assert.Contains(t, detect, want)
	}
	all := p.text("#api")
	for _, wrong := range []string{"is missing", "undefined", "[object", "any)"} {
		assert.NotContains(t, all, wrong)
	}
	assert.Contains(t, p.text("#about"), b.URL+"/detect", "examples name this server")
	for _, scheme := range []string{"light", "dark"} {
		p.scheme(scheme)
		p.js(`scrollTo(0, 0)`)
		assert.Empty(t, unreadable(p), scheme)
		p.shot(scheme)
		p.js(`document.getElementById("detect").scrollIntoView()`)
		p.shot("detect-" + scheme)
	}
	p.do(chromedp.EmulateViewport(390, 844))
	assert.Empty(t, eval[[]string](p, outside))
	p.shot("phone")
}

// testBelow: behind a proxy, both pages work below any path.
func testBelow(t *testing.T, b *bench) {
	s := httptest.NewServer(http.StripPrefix("/some/where", b.handler.Handler()))
	defer s.Close()
	p := b.newTab(t, s.URL+"/some/where/")
	p.wait(`document.getElementById("knows").textContent`)
	p.click(`[data-example="BloodImage_00014.jpg"]`)
	p.wait(done)
	assert.Positive(t, eval[int](p, boxes))
	p.click(`.top nav a`)
	p.wait(`document.querySelector(".operation")`)
	assert.Contains(t, p.text("#about"), s.URL+"/some/where/detect")
	p.click(`.brand`)
	p.wait(`document.querySelector('main[data-state="empty"]') && document.getElementById("knows").textContent`)
	assert.Equal(t, s.URL+"/some/where/", eval[string](p, `location.href`))
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
	for _, name := range []string{"testdata/sample.yaml", "../server/openapi.yaml"} {
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
		"a: 1\na: 2":           "line 2: the key a occurs twice",
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
