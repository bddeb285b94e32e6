package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	numbers     = `[...document.querySelectorAll(".thumb .number")].map((e) => e.textContent)`
	counted     = numbers + `.every((n) => n !== "…")`
	chooseCards = `{const s = document.getElementById("%s"); s.value = "cards"; s.dispatchEvent(new Event("change"))}`
)

// through is the address of a server whose requests to a path go through a handler first, which returns whether it has responded.
func (b *bench) through(t *testing.T, path string, before func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path && before(w, r) {
			return
		}
		b.handler.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// threeImages opens three images on a page whose detections go through a handler first.
func (b *bench) threeImages(t *testing.T, before func(w http.ResponseWriter, r *http.Request) bool, expected ...string) *tab {
	t.Helper()
	p := b.newTab(t, b.through(t, "/detect", before), expected...)
	p.wait(`document.getElementById("knows").textContent`)
	var files []string
	for _, name := range []string{"BloodImage_00014.jpg", "BloodImage_00111.jpg", "BloodImage_00236.jpg"} {
		file, err := filepath.Abs("../examples/" + name)
		require.NoError(t, err)
		files = append(files, file)
	}
	p.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), files, chromedp.NodeReady))
	p.wait(done)
	return p
}

// refuse responds with an error of the server.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error": {"code": %q, "message": "no", "request_id": "r-1"}}`, code)
}

// testWaiting: after a change of the model, the boxes of the model before are neither counted nor saved, and the button says so.
func testWaiting(t *testing.T, b *bench) {
	answer := make(chan struct{})
	release := sync.OnceFunc(func() { close(answer) })
	defer release()
	var asked atomic.Int32
	p := b.threeImages(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("model") == "cards" && asked.Add(1) > 1 { // but for the image that is shown
			<-answer
		}
		return false
	})
	folder := p.downloads()
	p.wait(counted)
	assert.Equal(t, "Save labels of 3", p.text("#save-labels"))
	p.js(fmt.Sprintf(chooseCards, "model"))
	p.wait(done)
	assert.Equal(t, "Save labels of 1 of 3", p.text("#save-labels"))
	assert.Equal(t, "2 images left out: no response for them with these settings", eval[string](p, `document.getElementById("save-labels").title`))
	assert.Equal(t, []string{"…", "…"}, eval[[]string](p, numbers)[1:])
	p.click("#save-labels")
	var saved struct{ Images, Categories []struct{ Name string } }
	require.NoError(t, json.Unmarshal(download(t, folder, "BloodImage_00014.json"), &saved))
	assert.Len(t, saved.Images, 1)
	for _, c := range saved.Categories {
		assert.NotContains(t, []string{"Platelets", "RBC", "WBC"}, c.Name)
	}
	p.viewport(390, 844)
	p.js(`document.getElementById("save-labels").textContent = "Save labels of 98 of 100"`)
	assert.Empty(t, eval[[]string](p, outside))
	assert.True(t, eval[bool](p, `document.getElementById("save-labels").getBoundingClientRect().right <= document.getElementById("threshold").getBoundingClientRect().right`))
	p.shot("phone")
	release()
	p.wait(counted)
	assert.Equal(t, "Save labels of 3", p.text("#save-labels"))
	assert.Empty(t, eval[string](p, `document.getElementById("save-labels").title`))
}

// testBusyBehind: while the server is busy, images that are not shown wait for as long as it says, and are detected in then. An image
// that it never has the time for fails, and the next one does not.
func testBusyBehind(t *testing.T, b *bench) {
	var mu sync.Mutex
	var at []time.Time
	p := b.threeImages(t, func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		at = append(at, time.Now())
		switch len(at) {
		case 2:
			refuse(w, http.StatusServiceUnavailable, "queue_full")
		case 3:
			refuse(w, http.StatusTooManyRequests, "rate_limited")
		case 5, 6, 7:
			refuse(w, http.StatusGatewayTimeout, "deadline_exceeded")
		default:
			return false
		}
		return true
	}, "status of 503", "status of 429", "status of 504")
	p.wait(counted)
	names := eval[[]string](p, thumbs)
	assert.Contains(t, names[1], "object")
	assert.Equal(t, "BloodImage_00236.jpg, could not be detected in", names[2])
	assert.Equal(t, "Save labels of 2 of 3", p.text("#save-labels"))
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, at, 7)
	for _, i := range []int{2, 3, 5, 6} {
		assert.GreaterOrEqual(t, at[i].Sub(at[i-1]), time.Second, "request %d", i)
	}
}

// testCompareFails: an image in which the second model fails has the boxes of the first.
func testCompareFails(t *testing.T, b *bench) {
	p := b.threeImages(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("model") != "cards" {
			return false
		}
		refuse(w, http.StatusInternalServerError, "internal")
		return true
	}, "status of 500")
	p.wait(counted)
	before := eval[[]string](p, thumbs)
	p.js(fmt.Sprintf(chooseCards, "compare"))
	p.wait(refused)
	assert.Equal(t, before, eval[[]string](p, thumbs))
	assert.Equal(t, "Save labels of 3", p.text("#save-labels"))
}
