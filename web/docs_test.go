package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// noComponent is what Swagger UI says of files in bodies, which it then takes.
const noComponent = "console.warning"

// wcag runs axe-core with the rules of WCAG. Its advice beyond that (headings in order, all within landmarks) does not hold in Swagger UI.
const wcag = `axe.run(document, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
	.then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 160))))`

// openOperation opens an operation, whose id has its tag.
func (p *tab) openOperation(id string) {
	p.Helper()
	p.js(fmt.Sprintf(`document.querySelector("#operations-%s .opblock-summary-control").click()`, id))
	p.wait(fmt.Sprintf(`document.querySelector("#operations-%s .execute")`, id))
	p.js(fmt.Sprintf(`document.querySelector("#operations-%s").scrollIntoView()`, id))
}

// waitText waits until an element has a text: Swagger UI draws an operation part by part.
func (p *tab) waitText(selector, text string) {
	p.Helper()
	p.wait(fmt.Sprintf(`(document.querySelector(%q)?.textContent ?? "").includes(%q)`, selector, text))
}

// testDocs: the page shows all that the server's description has, and executes requests.
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
	p := b.newTab(t, b.URL+"/docs", noComponent)
	p.wait(`document.querySelector(".opblock")`)
	assert.Contains(t, p.text(".info .title"), api.Info.Title)
	assert.ElementsMatch(t, want, eval[[]string](p, `[...document.querySelectorAll(".opblock")].map((e) => e.querySelector(".opblock-summary-method").textContent + e.querySelector(".opblock-summary-path").textContent.replaceAll("\u200b", ""))`))
	assert.Contains(t, p.text(".info"), b.URL+"/detect", "examples name this server")
	_, err = os.Stat("../build/axe/axe.min.js")
	checked := err == nil
	if checked {
		p.axe()
	}
	check := func(state string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			p.scheme(scheme)
			p.wait(fmt.Sprintf(`document.documentElement.classList.contains("dark-mode") === %v`, scheme == "dark"))
			if checked {
				assert.Empty(t, eval[[]string](p, wcag), "%s, %s", state, scheme)
			}
			p.shot(state + "-" + scheme)
		}
	}
	check("list")
	p.openOperation("Detection-detect")
	for _, want := range []string{"threshold", "multipart/form-data", "timing_ms", "503", "Retry-After"} {
		p.waitText("#operations-Detection-detect", want)
	}
	check("detect")
	// "Try it out" works, and what it sends is a request of its own server.
	p.openOperation("Server-models")
	p.click("#operations-Server-models .execute")
	p.wait(`document.querySelector("#operations-Server-models .live-responses-table .response-col_status")`)
	p.waitText("#operations-Server-models .live-responses-table", `"name": "cards"`)
	check("executed")
	p.viewport(390, 844)
	assert.LessOrEqual(t, eval[int](p, `document.documentElement.scrollWidth`), 390)
	p.shot("phone")
}

// testTry: an image in the form of /detect.
func testTry(t *testing.T, b *bench) {
	p := b.newTab(t, b.URL+"/docs", noComponent)
	p.wait(`document.querySelector(".opblock")`)
	p.openOperation("DeepStack-deepStackDetect")
	file, err := filepath.Abs(example)
	require.NoError(t, err)
	p.do(chromedp.SetUploadFiles(chromedp.CSS(`#operations-DeepStack-deepStackDetect input[type="file"]`), []string{file}, chromedp.NodeReady))
	p.click("#operations-DeepStack-deepStackDetect .execute")
	p.wait(`document.querySelector("#operations-DeepStack-deepStackDetect .live-responses-table .response-col_status")`)
	p.waitText("#operations-DeepStack-deepStackDetect .live-responses-table", `"label": "WBC"`)
	p.shot("image")
}

// testBelow: behind a proxy, both pages work below any path.
func testBelow(t *testing.T, b *bench) {
	s := httptest.NewServer(http.StripPrefix("/some/where", b.handler.Handler()))
	defer s.Close()
	p := b.newTab(t, s.URL+"/some/where/", noComponent)
	p.wait(`document.getElementById("knows").textContent`)
	p.click(`[data-example="BloodImage_00014.jpg"]`)
	p.wait(done)
	assert.Positive(t, eval[int](p, boxes))
	p.click(`.top nav a`)
	p.wait(`document.querySelector(".opblock")`)
	assert.Contains(t, p.text(".info"), s.URL+"/some/where/detect")
	p.openOperation("Server-health")
	p.click("#operations-Server-health .execute")
	p.wait(`document.querySelector("#operations-Server-health .live-responses-table .response-col_status")`)
	assert.Contains(t, p.text("#operations-Server-health .request-url"), s.URL+"/some/where/healthz")
	p.click(`.brand`)
	p.wait(`document.querySelector('main[data-state="empty"]') && document.getElementById("knows").textContent`)
	assert.Equal(t, s.URL+"/some/where/", eval[string](p, `location.href`))
}

// testNoDocs: what cannot be read is said in words.
func testNoDocs(t *testing.T, b *bench) {
	p := b.docs(t, "testdata/absent.yaml", "status of 404", "console.error")
	p.wait(`document.querySelector("#api .errors-wrapper, #api .loading-container .failed-config")`)
	assert.Contains(t, p.text("#api"), "Failed to load API definition")
	assert.Contains(t, p.text("#api"), "Not Found openapi.yaml")
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
