package web_test

import (
	"bytes"
	"fmt"
	"image"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

func testCamera(t *testing.T, b *bench) {
	var sizes sizes
	s := httptest.NewServer(sizes.of(b.handler.Handler()))
	defer s.Close()
	p := b.newTab(t, s.URL)
	p.wait(`document.getElementById("knows").textContent`)
	p.click(`.welcome [data-do="camera"]`)
	p.wait(`/^[0-9.]+ images\/s/.test(document.getElementById("rate").textContent) && document.querySelector("#overlay .box")`)
	first, _ := p.counts()
	p.wait(fmt.Sprintf(`performance.getEntriesByType("resource").filter((e) => e.name.includes("/detect?")).length >= %d`, first+2))
	frames, most := p.counts()
	assert.GreaterOrEqual(t, frames, first+2, "it goes on")
	assert.Equal(t, 1, most, "requests in flight at a time")
	p.shot("live")
	assert.Contains(t, p.text("#table tbody"), "RBC")
	assert.Equal(t, []image.Point{{X: 576, Y: 324}}, sizes.seen(), "of 1280x720, as large as the model looks at")

	p.click(`[data-do="take"]`)
	p.wait(done + ` && document.querySelector('main[data-state="image"]')`)
	assert.Contains(t, p.text("#name"), "camera ")
	assert.Positive(t, eval[int](p, boxes))
	assert.Equal(t, []image.Point{{X: 576, Y: 324}, {X: 1280, Y: 720}}, sizes.seen(), "the image taken is sent in full")
	assert.True(t, eval[bool](p, `document.getElementById("video").srcObject === null`), "the camera is off")
	stopped, _ := p.counts() // taking the image breaks off the frame in flight

	p.click(`.caption [data-do="camera"]`)
	p.wait(`document.querySelector('main[data-state="live"].done')`)
	p.click(`[data-do="stop"]`)
	p.wait(`document.querySelector('main[data-state="empty"]')`)
	again, most := p.counts()
	assert.Greater(t, again, stopped)
	assert.Equal(t, 1, most)
	assert.False(t, eval[bool](p, refused))
}

// testCameraLate: a camera that is allowed when the user has gone on to something else stays off.
func testCameraLate(t *testing.T, b *bench) {
	p := b.openPage(t)
	p.js(`{
		const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
		Object.assign(window, {tracks: [], waiting: []});
		navigator.mediaDevices.getUserMedia = async (wanted) => {
			const stream = await open(wanted);
			tracks.push(...stream.getTracks());
			await new Promise((go) => waiting.push(go));
			return stream;
		};
	}`)
	const allow, live = `waiting.splice(0).forEach((go) => go())`, `tracks.filter((track) => track.readyState === "live").length`
	p.click(`.welcome [data-do="camera"]`)
	p.wait(`waiting.length === 1`)
	p.upload(example)
	p.wait(done)
	p.js(allow)
	p.wait(live + ` === 0`)
	assert.Equal(t, "image", eval[string](p, `document.getElementById("main").dataset.state`))
	assert.True(t, eval[bool](p, `document.getElementById("video").srcObject === null`))
	assert.Positive(t, eval[int](p, boxes))

	p.js(`for (let i = 0; i < 2; i++) document.querySelector('.caption [data-do="camera"]').click()`)
	p.wait(`waiting.length === 2`)
	p.js(allow)
	p.wait(`document.querySelector('main[data-state="live"].done')`)
	assert.Equal(t, 1, eval[int](p, live))
	assert.False(t, eval[bool](p, refused))
	p.click(`[data-do="stop"]`)
	p.wait(live + ` === 0`)
}

// sizes remembers those of the images that pass by, in the order in which they came first.
type sizes struct {
	mu  sync.Mutex
	all []image.Point
}

func (s *sizes) of(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/detect" {
			var read bytes.Buffer
			c, _, err := image.DecodeConfig(io.TeeReader(r.Body, &read))
			r.Body = io.NopCloser(io.MultiReader(&read, r.Body))
			s.mu.Lock()
			if at := image.Pt(c.Width, c.Height); err == nil && !slices.Contains(s.all, at) {
				s.all = append(s.all, at)
			}
			s.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

func (s *sizes) seen() []image.Point {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}
