package web_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// temporary writes a file for an upload.
func temporary(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o644))
	return path
}

func testErrors(t *testing.T, b *bench) {
	data, err := os.ReadFile(example)
	require.NoError(t, err)
	large := append(bytes.Clone(data), make([]byte, 33<<20)...)
	for _, c := range []struct {
		name, file, title, text, status string
		data                            []byte
	}{
		{"Text", "notes.txt", "This is not an image that the server can read", "JPEG, PNG", "415", []byte("Buy milk.\n")},
		{"Empty", "empty.jpg", "The file is empty", "Choose another", "", nil},
		{"Corrupt", "cut.jpg", "The image is damaged", "truncated", "422", data[:len(data)/2]},
		{"Large", "large.jpg", "The file is too large for this server", "smaller copy", "413", large},
		{"LargeUnknown", "large.raw", "The file is too large for this server", "smaller copy", "413", make([]byte, 33<<20)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := b.openPage(t, "status of "+c.status)
			p.upload(temporary(t, c.file, c.data))
			p.wait(refused)
			assert.Equal(t, c.title, p.text("#problem-title"))
			assert.Contains(t, p.text("#problem-text"), c.text)
			if c.status != "" {
				assert.Regexp(t, "status "+c.status+", request [A-Z0-9]+$", p.text("#problem-detail"))
			}
			assert.Zero(t, eval[int](p, boxes))
			p.shot("shown")
			smaller := c.name == "Large" // the browser can show it
			assert.Equal(t, smaller, eval[bool](p, `document.getElementById("problem-smaller").checkVisibility()`))
			if smaller {
				p.click("#problem-smaller")
			} else {
				p.click(`[data-example="BloodImage_00111.jpg"]`)
			}
			p.wait(done)
			assert.False(t, eval[bool](p, refused), "the next image takes the error away")
			assert.Positive(t, eval[int](p, boxes))
		})
	}
	t.Run("Gone", func(t *testing.T) { testGone(t, b) })
	t.Run("Busy", func(t *testing.T) { testBusy(t, b) })
	t.Run("Slow", func(t *testing.T) { testSlow(t, b) })
	t.Run("Key", func(t *testing.T) { testKey(t, b) })
}

// testGone: the server ends, and comes back.
func testGone(t *testing.T, b *bench) {
	var gone atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gone.Load() {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				connection.Close()
			}
			return
		}
		b.handler.Handler().ServeHTTP(w, r)
	}))
	defer s.Close()
	p := b.newTab(t, s.URL, "net::ERR_")
	p.wait(`document.getElementById("knows").textContent`)
	gone.Store(true)
	p.upload(example)
	p.wait(refused)
	assert.Equal(t, "The server cannot be reached", p.text("#problem-title"))
	p.shot("shown")
	gone.Store(false)
	p.click("#problem-retry")
	p.wait(done)
	assert.Positive(t, eval[int](p, boxes))
	// It ends while the camera runs.
	p.click(`.caption [data-do="camera"]`)
	p.wait(`document.querySelector('main[data-state="live"].done')`)
	gone.Store(true)
	p.wait(refused)
	assert.Equal(t, "The server cannot be reached", p.text("#problem-title"))
	assert.True(t, eval[bool](p, `document.getElementById("video").srcObject === null`), "the camera is off")
}

// testBusy: the first answers say that the queue is full.
func testBusy(t *testing.T, b *bench) {
	var refusals atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/detect" && refusals.Add(1) <= 1 {
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"error": {"code": "queue_full", "message": "full", "request_id": "r-1"}}`))
			return
		}
		b.handler.Handler().ServeHTTP(w, r)
	}))
	defer s.Close()
	p := b.newTab(t, s.URL, "status of 503")
	p.wait(`document.getElementById("knows").textContent`)
	p.upload(example)
	p.wait(refused)
	assert.Equal(t, "The server is busy", p.text("#problem-title"))
	assert.Contains(t, p.text("#problem-text"), "Try again in 3 seconds.")
	p.click("#problem-retry")
	p.wait(done)
	// The camera waits and goes on by itself.
	refusals.Store(0)
	p.js(`{const rate = document.getElementById("rate"); window.rates = []; new MutationObserver(() => rates.push(rate.textContent)).observe(rate, {childList: true})}`)
	p.click(`.caption [data-do="camera"]`)
	p.wait(`rates.includes("The server is busy")`)
	p.wait(`document.querySelector('main[data-state="live"].done')`)
	assert.False(t, eval[bool](p, refused))
}

// testSlow: while the server looks, the image is there and says so.
func testSlow(t *testing.T, b *bench) {
	answer := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/detect" {
			<-answer
		}
		b.handler.Handler().ServeHTTP(w, r)
	}))
	defer s.Close()
	p := b.newTab(t, s.URL)
	p.wait(`document.getElementById("knows").textContent`)
	p.upload(example)
	p.wait(`document.getElementById("image").naturalWidth === 640 && document.querySelector("main.busy")`)
	p.wait(`document.querySelector(".looking").checkVisibility() && getComputedStyle(document.querySelector(".looking")).opacity === "1"`)
	p.shot("shown")
	assert.False(t, eval[bool](p, `document.getElementById("results").checkVisibility({visibilityProperty: true})`))
	close(answer)
	p.wait(done)
	assert.False(t, eval[bool](p, `document.querySelector(".looking").checkVisibility()`))
}

// testKey: a server that wants a key is given one.
func testKey(t *testing.T, b *bench) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if (r.URL.Path == "/detect" || r.URL.Path == "/models") && r.Header.Get("Authorization") != "Bearer sesame" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error": {"code": "unauthorized", "message": "an API key is needed", "request_id": "r-1"}}`))
			return
		}
		b.handler.Handler().ServeHTTP(w, r)
	}))
	defer s.Close()
	p := b.newTab(t, s.URL, "status of 401")
	p.wait(refused)
	assert.Equal(t, "This server needs an API key", p.text("#problem-title"))
	p.shot("shown")
	enter := func(key string) {
		p.js(`{document.getElementById("key").value = "` + key + `"; document.getElementById("key-form").requestSubmit()}`)
	}
	enter("wrong")
	p.wait(refused + ` && document.getElementById("key").value === ""`)
	// One that the browser cannot send is not tried, now or after a reload.
	enter("“sesame”")
	assert.Equal(t, "This is not an API key", p.text("#problem-title"))
	p.shot("no-key")
	p.js(`sessionStorage.setItem("api-key", "“sesame”")`)
	p.do(chromedp.Reload())
	p.wait(refused)
	assert.Equal(t, "This server needs an API key", p.text("#problem-title"))
	// An image that is there before the key has all that it would have had after it.
	p.upload(example)
	p.wait(`document.getElementById("name").textContent && ` + refused)
	enter(" sesame ")
	p.wait(done)
	assert.NotEmpty(t, p.text("#knows"))
	assert.Contains(t, p.text("#curl"), "model=bccd")
	assert.False(t, eval[bool](p, refused))
	p.click(`[data-example="BloodImage_00236.jpg"]`)
	p.wait(done)
}
