package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/server"
)

const thumbs = `[...document.querySelectorAll(".thumb")].map((e) => e.ariaLabel)`

// testStrip: several images at once, one of which is none; keys; closing.
func testStrip(t *testing.T, b *bench) {
	p := b.openPage(t, "status of 415")
	var files []string
	for _, name := range []string{"BloodImage_00014.jpg", "BloodImage_00111.jpg", "BloodImage_00236.jpg"} {
		file, err := filepath.Abs("../examples/" + name)
		require.NoError(t, err)
		files = append(files, file)
	}
	files = append(files, temporary(t, "notes.txt", []byte("Buy milk.\n")))
	p.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), files, chromedp.NodeReady))
	p.wait(done)
	p.wait(`[...document.querySelectorAll(".thumb .number")].every((e) => e.textContent !== "…")`)
	names := eval[[]string](p, thumbs)
	require.Len(t, names, 4)
	assert.Equal(t, fmt.Sprintf("BloodImage_00014.jpg, %s", p.text("#count")), names[0])
	assert.Equal(t, "notes.txt, could not be detected in", names[3])
	sent, most := p.counts()
	assert.Equal(t, 4, sent)
	assert.Equal(t, 1, most, "one at a time")
	p.shot("four")
	p.scheme("dark")
	assert.Empty(t, unreadable(p))
	p.shot("dark")

	current := func() string { return eval[string](p, `document.querySelector(".thumb[aria-current]").title`) }
	p.js(`document.querySelector(".thumb[aria-current]").focus()`)
	p.do(chromedp.KeyEvent(kb.ArrowRight))
	p.wait(done + ` && document.getElementById("name").textContent.startsWith("BloodImage_00111")`)
	assert.Equal(t, "BloodImage_00111.jpg", current())
	assert.True(t, eval[bool](p, `document.activeElement === document.querySelector(".thumb[aria-current]")`))
	after, _ := p.counts()
	assert.Equal(t, sent, after, "known")
	// The threshold counts in all of them.
	p.js(`{const s = document.getElementById("threshold"); s.value = 100; s.dispatchEvent(new Event("input"))}`)
	assert.Equal(t, []string{"0", "0", "0", "!"}, eval[[]string](p, `[...document.querySelectorAll(".thumb .number")].map((e) => e.textContent)`))
	p.do(chromedp.KeyEvent(kb.End))
	p.wait(refused)
	assert.Equal(t, "notes.txt", current())
	p.do(chromedp.KeyEvent(kb.Delete))
	p.wait(done)
	assert.Equal(t, "BloodImage_00236.jpg", current())
	assert.Len(t, eval[[]string](p, thumbs), 3)
	var panorama bytes.Buffer
	require.NoError(t, jpeg.Encode(&panorama, image.NewGray(image.Rect(0, 0, 3000, 20)), nil))
	p.upload(temporary(t, "panorama.jpg", panorama.Bytes()))
	p.wait(`document.querySelectorAll(".thumb").length === 4 && [...document.querySelectorAll(".thumb canvas")].at(-1).width > 1`)
	assert.LessOrEqual(t, eval[float64](p, `[...document.querySelectorAll(".thumb")].at(-1).getBoundingClientRect().width`), 128.0)
	p.wait(done)
	p.shot("panorama")
	p.viewport(390, 844)
	assert.Empty(t, eval[[]string](p, outside))
	p.shot("phone")
}

// zoomed returns the zoom, and the left top corner of the image in parts of its port.
func (p *tab) zoomed() [3]float64 {
	return eval[[3]float64](p, `(() => {
		const f = document.getElementById("frame").getBoundingClientRect(), p = document.getElementById("port").getBoundingClientRect();
		return [f.width / p.width, (f.left - p.left) / p.width, (f.top - p.top) / p.height];
	})()`)
}

// testZoom: wheel, drag, pinch, buttons, keys and a double click, with boxes that stay where they belong.
func testZoom(t *testing.T, b *bench) {
	p := b.openExample(t)
	port := eval[[4]float64](p, `(() => { const r = document.getElementById("port").getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()`)
	x, y := port[0]+port[2]/4, port[1]+port[3]/4
	near := func(want [3]float64) {
		t.Helper()
		got := p.zoomed()
		for i := range want {
			assert.InDelta(t, want[i], got[i], 0.01, "%v", got)
		}
	}
	near([3]float64{1, 0, 0})
	wheel := func(delta float64) {
		call(p, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseWheel, X: x, Y: y, DeltaX: 1e-3, DeltaY: delta})
	}
	wheel(-500)
	p.wait(`document.getElementById("zoom-value").textContent === "200%"`)
	near([3]float64{2, -0.25, -0.25})
	p.shot("wheel")
	checkBoxes := func() {
		t.Helper()
		assert.Empty(t, eval[[]string](p, misplaced))
		first := p.detections(0.5).Detections[0].Box
		left := eval[float64](p, `(() => {
			const f = document.getElementById("image").getBoundingClientRect();
			const id = document.querySelector("#table tbody tr").dataset.id;
			return (document.querySelector("#overlay .box[data-id='" + id + "'] .line").getBoundingClientRect().left - f.left) * 640 / f.width;
		})()`)
		assert.InDelta(t, first.X1, left, 3)
	}
	p.wait(drawn)
	checkBoxes()
	p.drag([2]float64{240, 200}, [2]float64{240 - 64, 200})
	assert.InDelta(t, -0.45, p.zoomed()[1], 0.02)
	assert.Empty(t, eval[[]string](p, `[...document.querySelectorAll("tr.marked button[aria-pressed=true]")].map((e) => e.textContent)`), "a drag selects nothing")
	p.js(`document.querySelector("[data-do=zoom-in]").focus()`)
	p.do(chromedp.KeyEvent(kb.Enter))
	assert.InDelta(t, 3, p.zoomed()[0], 0.01)
	at := p.zoomed()
	p.do(chromedp.KeyEvent(kb.ArrowDown))
	assert.InDelta(t, at[2]-0.1, p.zoomed()[2], 0.01)
	p.do(chromedp.KeyEvent("-"))
	assert.InDelta(t, 2, p.zoomed()[0], 0.01)
	for range 20 {
		p.do(chromedp.KeyEvent("+"))
	}
	assert.InDelta(t, 16, p.zoomed()[0], 0.01)
	p.do(chromedp.KeyEvent("0"))
	near([3]float64{1, 0, 0})
	p.click("[data-do=zoom-in]")
	p.do(chromedp.MouseClickXY(x, y), chromedp.MouseClickXY(x, y, chromedp.ClickCount(2)))
	near([3]float64{1, 0, 0})
	checkPressOutlastsDrawing(p)
	touch := func(kind input.DispatchTouchEventType, points ...*input.TouchPoint) {
		call(p, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points})
	}
	p.viewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch)
	mx, my := 195.0, eval[float64](p, `(() => { const r = document.getElementById("port").getBoundingClientRect(); return r.top + r.height / 2; })()`)
	touch(input.DispatchTouchEventTypeTouchStart, &input.TouchPoint{X: mx - 40, Y: my, ID: new(1.0)}, &input.TouchPoint{X: mx + 40, Y: my, ID: new(2.0)})
	for d := 50.0; d <= 80; d += 10 {
		touch(input.DispatchTouchEventTypeTouchMove, &input.TouchPoint{X: mx - d, Y: my, ID: new(1.0)}, &input.TouchPoint{X: mx + d, Y: my, ID: new(2.0)})
	}
	touch(input.DispatchTouchEventTypeTouchEnd)
	assert.InDelta(t, 2, p.zoomed()[0], 0.1)
	assert.InDelta(t, -0.5, p.zoomed()[1], 0.1)
	p.shot("pinch")
}

// checkPressOutlastsDrawing: a click whose press and release have a new drawing of the boxes between them selects the box as any other.
func checkPressOutlastsDrawing(p *tab) {
	p.Helper()
	p.wait(drawn)
	at := eval[[2]float64](p, `(() => { const r = [...document.querySelectorAll("#overlay .box .line")].at(-1).getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`)
	p.do(chromedp.KeyEvent(kb.Escape))
	p.wait(`!document.querySelector("#overlay .box[aria-pressed=true]")`)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, at[0], at[1], chromedp.Button("left"), chromedp.ClickCount(1)))
	p.js(`document.getElementById("port").style.width = "800px"`)
	p.wait(drawn)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, at[0], at[1], chromedp.Button("left"), chromedp.ClickCount(1)))
	p.wait(`document.querySelector("#overlay .box[aria-pressed=true]")`)
	p.js(`document.getElementById("port").style.width = ""`)
}

// testCompare: a second model in a pane of its own, at the same threshold.
func testCompare(t *testing.T, b *bench) {
	p := b.openExample(t)
	before, _ := p.counts()
	p.js(`{const s = document.getElementById("compare"); s.value = "cards"; s.dispatchEvent(new Event("change"))}`)
	p.wait(`document.getElementById("other-pane").textContent.includes("object") && ` + drawn)
	after, _ := p.counts()
	assert.Equal(t, before+1, after)
	p.js(`{const s = document.getElementById("threshold"); s.value = 5; s.dispatchEvent(new Event("input"))}`)
	raw := eval[string](p, `fetch("examples/BloodImage_00014.jpg").then((r) => r.blob())
		.then((b) => fetch("v1/detect?model=cards&threshold=0.05", {method: "POST", body: b, headers: {"Content-Type": "image/jpeg"}})).then((r) => r.text())`)
	var a server.DetectResponse
	require.NoError(t, json.Unmarshal([]byte(raw), &a))
	assert.Len(t, a.Detections, eval[int](p, `document.querySelectorAll("#other-overlay .box").length`))
	assert.True(t, strings.HasPrefix(p.text("#other-pane"), fmt.Sprintf("cards: %d object", len(a.Detections))), p.text("#other-pane"))
	assert.Equal(t, fmt.Sprintf("bccd: %d objects", eval[int](p, boxes)), p.text("#pane"))
	p.click("[data-do=zoom-in]")
	assert.True(t, eval[bool](p, `document.querySelector("#other-port .frame").getBoundingClientRect().width === document.getElementById("frame").getBoundingClientRect().width`))
	p.click("[data-do=zoom-reset]")
	for _, scheme := range []string{"light", "dark"} {
		p.scheme(scheme)
		assert.Empty(t, unreadable(p), scheme)
		p.shot(scheme)
	}
	p.viewport(390, 844)
	assert.Empty(t, eval[[]string](p, outside))
	p.shot("phone")
	p.js(`{const s = document.getElementById("model"); s.value = "cards"; s.dispatchEvent(new Event("change"))}`)
	p.wait(done)
	assert.Equal(t, []string{"", "bccd"}, eval[[]string](p, `[...document.getElementById("compare").options].map((o) => o.value)`))
	assert.True(t, eval[bool](p, `document.getElementById("other-port").hidden`))
}

// testCurl runs the command that the page shows.
func testCurl(t *testing.T, b *bench) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	p := b.openPage(t)
	image, err := os.ReadFile(example)
	require.NoError(t, err)
	name := "it's $HOME, \"a\" & b.jpg"
	file := temporary(t, name, image)
	p.upload(file)
	p.wait(done)
	p.click("details.command summary")
	p.click("[data-do=copy-curl]")
	p.wait(`document.getElementById("status").textContent === "Command copied."`)
	p.shot("command")
	c := exec.Command("sh", "-c", p.text("#curl"))
	c.Dir = filepath.Dir(file)
	out, err := c.Output()
	require.NoError(t, err)
	var a server.DetectResponse
	require.NoError(t, json.Unmarshal(out, &a), string(out))
	assert.Len(t, a.Detections, eval[int](p, boxes))
	assert.NotContains(t, p.text("#curl"), "Authorization")
	p.js(`{sessionStorage.setItem("api-key", "a-secret")}`)
	p.do(chromedp.Reload())
	p.wait(`document.getElementById("knows").textContent`)
	p.upload(file)
	p.wait(done)
	assert.Contains(t, p.text("#curl"), "Authorization: Bearer YOUR_API_KEY")
	assert.NotContains(t, p.text("#curl"), "a-secret")
}

// testAxe runs axe-core on each state of the page.
func testAxe(t *testing.T, b *bench) {
	p := b.openPage(t)
	axe := p.axe()
	check := func(state string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			p.scheme(scheme)
			assert.Empty(t, eval[[]string](p, axe), "%s, %s", state, scheme)
		}
	}
	check("empty")
	p.click(`[data-example="BloodImage_00014.jpg"]`)
	p.wait(done)
	check("one image")
	p.click(`[data-example="BloodImage_00236.jpg"]`)
	p.wait(done + ` && document.querySelectorAll(".thumb").length === 2`)
	p.js(`document.querySelector("details.command").open = true`)
	check("strip and command")
	p.js(`{const s = document.getElementById("compare"); s.value = "cards"; s.dispatchEvent(new Event("change"))}`)
	p.wait(`document.getElementById("other-pane").textContent.includes("object")`)
	check("two models")
	p.click("#edit")
	p.do(chromedp.KeyEvent("n"))
	check("boxes by hand")
	p.viewport(390, 844)
	check("phone")
}

// axe loads axe-core (scripts/npm.sh) and returns an expression for what it finds.
func (p *tab) axe() string {
	p.Helper()
	script, err := os.ReadFile("../build/axe/axe.min.js")
	if err != nil {
		p.Skip("axe-core is not installed: scripts/npm.sh fetches it, see the Makefile")
	}
	p.js(string(script) + "; undefined")
	return `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 160))))`
}
