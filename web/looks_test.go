package web_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/server"
)

// unreadable lists texts whose contrast with what lies behind them is below WCAG's 4.5 to 1 (testdata/contrast.js).
func unreadable(p *tab) []string {
	p.Helper()
	script, err := os.ReadFile("testdata/contrast.js")
	require.NoError(p.T, err)
	return eval[[]string](p, string(script))
}

// outside lists what sticks out of the window at the side.
const outside = `[...document.querySelectorAll("body *")].filter((e) => {
	const r = e.getBoundingClientRect();
	return e.checkVisibility({visibilityProperty: true}) && r.width > 0 && (r.right > innerWidth + 1 || r.left < -1) && !e.closest("ul, pre, svg, .unseen");
}).map((e) => e.tagName + "." + e.className)`

// misplaced lists labels that lie outside of the image, on another, or are too small for their text.
const misplaced = `(() => {
	const frame = document.getElementById("overlay").getBoundingClientRect();
	const all = [...document.querySelectorAll(".label:not(.crowded) rect")].map((e) => e.getBoundingClientRect());
	const wrong = all.filter((r) => r.left < frame.left - 1 || r.right > frame.right + 1 || r.top < frame.top - 1 || r.bottom > frame.bottom + 1).map(() => "outside");
	for (const [i, a] of all.entries()) for (const c of all.slice(i + 1))
		if (a.left < c.right - .5 && c.left < a.right - .5 && a.top < c.bottom - .5 && c.top < a.bottom - .5) wrong.push("on another");
	for (const e of document.querySelectorAll(".label")) {
		const text = e.querySelector("text").getBoundingClientRect(), rect = e.querySelector("rect").getBoundingClientRect();
		if (text.left < rect.left || text.right > rect.right) wrong.push("text " + e.textContent + " is wider than its label");
	}
	return wrong;
})()`

func testLooks(t *testing.T, b *bench) {
	p := b.openPage(t, "status of 415")
	for _, state := range []struct{ name, enter string }{
		{"empty", ""},
		{"done", `document.querySelector("[data-example]").click()`},
	} {
		if state.enter != "" {
			p.js(state.enter)
			p.wait(done)
		}
		for _, scheme := range []string{"light", "dark"} {
			p.scheme(scheme)
			for _, size := range [][2]int64{{1360, 850}, {1024, 700}, {844, 390}, {390, 844}, {320, 640}} {
				p.viewport(size[0], size[1])
				assert.Empty(t, eval[[]string](p, outside), "%s at %v", state.name, size)
			}
			assert.Empty(t, unreadable(p), "%s, %s", state.name, scheme)
			p.viewport(1360, 850)
			p.shot(state.name + "-" + scheme)
		}
	}
	luminance := eval[float64](p, `(() => { const c = document.createElement("canvas").getContext("2d"); c.fillStyle = getComputedStyle(document.body).backgroundColor; c.fillRect(0, 0, 1, 1); return c.getImageData(0, 0, 1, 1).data[1]; })()`)
	assert.Less(t, luminance, 40.0, "dark is dark")
	p.upload(temporary(t, "notes.txt", []byte("Buy milk.\n")))
	p.wait(refused)
	for _, scheme := range []string{"light", "dark"} {
		p.scheme(scheme)
		assert.Empty(t, unreadable(p), "error, %s", scheme)
		p.shot("error-" + scheme)
	}
}

func testPhone(t *testing.T, b *bench) {
	p := b.newTab(t, b.URL)
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch), chromedp.Reload())
	p.wait(`document.getElementById("knows").textContent`)
	p.shot("empty")
	p.click(`[data-example="BloodImage_00014.jpg"]`)
	p.wait(done)
	p.shot("done")
	assert.LessOrEqual(t, eval[int](p, `document.documentElement.scrollWidth`), 390)
	// The image stays in view while the panel is scrolled, and rows can be tapped.
	p.js(`scrollTo(0, 500)`)
	top := eval[float64](p, `document.getElementById("image").getBoundingClientRect().top`)
	assert.InDelta(t, 0, top, 2)
	p.js(`document.querySelectorAll("#table tbody tr")[3].scrollIntoView({block: "end"})`)
	p.click(`#table tbody tr:nth-child(4) button`)
	p.wait(`document.querySelector(".box.marked")`)
	for _, height := range eval[[]float64](p, `[...document.querySelectorAll(".caption button, .chip, #table tbody tr")].filter((e) => e.checkVisibility()).map((e) => e.getBoundingClientRect().height)`) {
		assert.GreaterOrEqual(t, height, 39.0, "a finger's height")
	}
	p.shot("scrolled")
	p.scheme("dark")
	p.shot("dark")
}

// slider moves the threshold to a value and back to its least, 5 times: handlers and layout.
const slider = `(() => {
	const s = document.getElementById("threshold");
	for (let i = 0; i < 5; i++)
		for (const value of [%d, 5]) {
			s.value = value;
			s.dispatchEvent(new Event("input"));
			document.getElementById("overlay").getBoundingClientRect();
			document.getElementById("table").getBoundingClientRect();
		}
})()`

// step is the processor time in ms of a step of the slider: from a value to its least, or back. What else runs on the machine does not count.
func (p *tab) step(from int) float64 {
	p.Helper()
	spent := func() float64 {
		got, err := chromedp.Call(p.Context, performance.GetMetrics, cdp.Empty{})
		require.NoError(p.T, err)
		for _, m := range got.Metrics {
			if m.Name == "TaskDuration" {
				return m.Value
			}
		}
		require.Fail(p.T, "no TaskDuration")
		return 0
	}
	before := spent()
	p.js(fmt.Sprintf(slider, from))
	return 1000 * (spent() - before) / 10
}

// testCrowd: many boxes of many classes with long names, more than any model here finds.
func testCrowd(t *testing.T, b *bench) {
	a := server.DetectResponse{ID: "r-1", Model: server.ModelTag{Name: "a_model_with_a_long_name", Version: "0123456789ab"}}
	a.Image = server.ImageSize{Width: 640, Height: 480}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		class := 1 + random.IntN(30)
		x, y := random.Float32()*600, random.Float32()*440
		a.Detections = append(a.Detections, server.Detection{
			ClassID: int32(class), Label: strings.Repeat("long", class/4) + fmt.Sprintf("class_%d", class), Score: 1 - float32(i)/310,
			Box: server.Box{X1: x, Y1: y, X2: x + 4 + random.Float32()*36, Y2: y + 4 + random.Float32()*36},
		})
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/detect" {
			assert.NoError(t, json.NewEncoder(w).Encode(a))
			return
		}
		b.handler.Handler().ServeHTTP(w, r)
	}))
	defer s.Close()
	p := b.newTab(t, s.URL)
	p.wait(`document.getElementById("knows").textContent`)
	p.upload(example)
	p.wait(done)
	p.js(`document.getElementById("threshold").focus()`)
	p.do(chromedp.KeyEvent(kb.Home))
	shown := eval[int](p, boxes)
	assert.Greater(t, shown, 280)
	assert.Equal(t, shown, eval[int](p, rows))
	call(p, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
	step := min(p.step(6), p.step(6), p.step(6)) // others on the machine share its caches
	t.Logf("with %d boxes, a step of the slider takes %.1f ms, between none and all %.1f ms", shown, step, p.step(100))
	assert.Positive(t, step)
	assert.Less(t, step, 50.0)
	for _, size := range [][2]int64{{1360, 850}, {390, 844}} {
		p.viewport(size[0], size[1])
		assert.Empty(t, eval[[]string](p, outside), "at %v", size)
		assert.Empty(t, eval[[]string](p, misplaced), "at %v", size)
		p.shot(fmt.Sprint(size[0]))
	}
}

// testLabels holds the labels of the example, and of random boxes, to what is promised: in the image, none on another.
func testLabels(t *testing.T, b *bench) {
	p := b.openExample(t)
	assert.Empty(t, eval[[]string](p, misplaced))
	random := eval[[]string](p, `import("/js/labels.js").then(({place}) => {
		let seed = 7;
		const next = (n) => (seed = (seed * 48271) % 2147483647) % n;
		const wrong = [];
		for (let round = 0; round < 300; round++) {
			const frame = {w: 40 + next(800), h: 30 + next(600)};
			const boxes = Array.from({length: next(60)}, () => ({x: next(frame.w), y: next(frame.h), w: 1 + next(200), h: 1 + next(200)}));
			const sizes = boxes.map(() => ({w: 20 + next(90), h: 19}));
			const spots = place(boxes, sizes, frame).map((s, i) => s && {...s, ...sizes[i]});
			if (spots.length !== boxes.length) wrong.push("count");
			const placed = spots.filter(Boolean);
			for (const [i, a] of placed.entries()) {
				if (a.x < 0 || a.y < 0 || a.x + a.w > frame.w || a.y + a.h > frame.h) wrong.push("outside in round " + round);
				for (const c of placed.slice(i + 1)) if (a.x < c.x + c.w && c.x < a.x + a.w && a.y < c.y + c.h && c.y < a.y + a.h) wrong.push("overlap in round " + round);
			}
		}
		return wrong;
	})`)
	assert.Empty(t, random)
}
