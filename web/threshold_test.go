package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/server"
)

// withThresholds is the server with thresholds in the description of its first model.
func withThresholds(t *testing.T, b *bench, thresholds ...float32) (s *httptest.Server, asked func() []url.Values) {
	var (
		mu      sync.Mutex
		queries []url.Values
	)
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/models":
			answer := httptest.NewRecorder()
			b.handler.Handler().ServeHTTP(answer, r)
			var list struct {
				Models []server.ModelInfo `json:"models"`
			}
			assert.NoError(t, json.Unmarshal(answer.Body.Bytes(), &list))
			for i := range thresholds {
				list.Models[0].Classes[i].Threshold = &thresholds[i]
			}
			assert.NoError(t, json.NewEncoder(w).Encode(list))
			return
		case "/detect":
			mu.Lock()
			queries = append(queries, r.URL.Query())
			mu.Unlock()
		}
		b.handler.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s, func() []url.Values {
		mu.Lock()
		defer mu.Unlock()
		return queries
	}
}

// testBest: the model's thresholds by class, without another request.
func testBest(t *testing.T, b *bench) {
	s, asked := withThresholds(t, b, 0.9, 0.97, 0.02)
	p := b.newTab(t, s.URL)
	p.wait(`document.getElementById("knows").textContent`)
	p.click(`[data-example="BloodImage_00014.jpg"]`)
	p.wait(done)
	require.Len(t, asked(), 1)
	assert.Equal(t, "0.02", asked()[0].Get("threshold"), "the lowest that may be shown")
	half := eval[int](p, boxes)
	assert.Equal(t, "Platelets 90%, RBC 97% and WBC 2%", p.text("#best-classes"))

	var all server.DetectResponse
	raw := eval[string](p, `fetch("examples/BloodImage_00014.jpg").then((r) => r.blob())
		.then((b) => fetch("v1/detect?threshold=Platelets%3D0.9,RBC%3D0.97,WBC%3D0.02", {method: "POST", body: b, headers: {"Content-Type": "image/jpeg"}})).then((r) => r.text())`)
	require.NoError(t, json.Unmarshal([]byte(raw), &all))
	require.NotEqual(t, half, len(all.Detections))
	p.click("#best")
	assert.Equal(t, len(all.Detections), eval[int](p, boxes))
	assert.Equal(t, len(all.Detections), eval[int](p, rows))
	assert.Equal(t, "by class", p.text("#threshold-value"))
	for _, scheme := range []string{"light", "dark"} {
		p.scheme(scheme)
		assert.Empty(t, unreadable(p), scheme)
		p.shot("best-" + scheme)
	}
	p.viewport(320, 640)
	assert.Empty(t, eval[[]string](p, outside))
	p.viewport(1360, 850)

	// The slider takes over.
	p.js(`document.getElementById("threshold").focus()`)
	p.do(chromedp.KeyEvent(kb.Home))
	assert.False(t, eval[bool](p, `document.getElementById("best").checked`))
	assert.Equal(t, "5%", p.text("#threshold-value"))
	assert.Len(t, asked(), 1, "nothing else is requested")

	// The other model has none.
	p.click("#best")
	p.js(`{const s = document.getElementById("model"); s.value = "cards"; s.dispatchEvent(new Event("change"))}`)
	p.wait(done + ` && document.getElementById("by").textContent.includes("cards")`)
	assert.True(t, eval[bool](p, `document.getElementById("best-part").hidden`))
	assert.Equal(t, "5%", p.text("#threshold-value"))
	assert.Equal(t, "0.05", asked()[1].Get("threshold"))
}
