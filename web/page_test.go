package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	_ "image/jpeg"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/server"
)

const (
	boxes   = `document.querySelectorAll("#overlay .box").length`
	rows    = `document.querySelectorAll("#table tbody tr").length`
	refused = `!document.getElementById("problem").hidden`
	// drawn: boxes are drawn for the size that their image has now. The browser tells the page of another size at its next frame, whenever that is.
	drawn = `[...document.querySelectorAll("#overlay, #other-overlay")].every((e) => {
		const {width, height} = e.getBoundingClientRect(), {width: w, height: h} = e.viewBox.baseVal;
		return !width || (w === Math.round(width) && h === Math.round(height));
	})`
	done = `document.querySelector("main.done:not(.busy)") && ` + drawn
)

// TestPage drives the page in a browser, against the server with the models that ship.
func TestPage(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"Upload", testUpload}, {"Paste", testPaste}, {"Drop", testDrop}, {"Example", testExample}, {"Threshold", testThreshold}, {"Best", testBest}, {"Tiles", testTiles},
		{"Classes", testClasses}, {"Links", testLinks}, {"Keyboard", testKeyboard}, {"Models", testModels}, {"Save", testSave},
		{"Camera", testCamera}, {"Formats", testFormats}, {"Errors", testErrors}, {"Phone", testPhone}, {"Looks", testLooks}, {"Labels", testLabels}, {"Crowd", testCrowd},
		{"Docs", testDocs}, {"Try", testTry}, {"NoDocs", testNoDocs}, {"Below", testBelow},
		{"Strip", testStrip}, {"Zoom", testZoom}, {"Compare", testCompare}, {"Edit", testEdit}, {"SaveLabels", testSaveLabels},
		{"EditWaits", testEditWaits}, {"Unsaved", testUnsaved}, {"ModelsLater", testModelsLater}, {"Converted", testConverted}, {"CameraLate", testCameraLate},
		{"Waiting", testWaiting}, {"BusyBehind", testBusyBehind}, {"CompareFails", testCompareFails}, {"Curl", testCurl}, {"Axe", testAxe},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, b) })
	}
}

// openPage waits until the page knows the models.
func (b *bench) openPage(t *testing.T, expected ...string) *tab {
	t.Helper()
	p := b.newTab(t, b.URL, expected...)
	p.wait(`document.getElementById("knows").textContent`)
	return p
}

// openExample shows the example's detections.
func (b *bench) openExample(t *testing.T, expected ...string) *tab {
	t.Helper()
	p := b.openPage(t, expected...)
	p.click(`[data-example="BloodImage_00014.jpg"]`)
	p.wait(done)
	return p
}

func (p *tab) upload(file string) {
	p.Helper()
	absolute, err := filepath.Abs(file)
	require.NoError(p.T, err)
	p.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{absolute}, chromedp.NodeReady))
}

// detections asks the server what it finds in the example at a threshold.
func (p *tab) detections(threshold float64) (a server.DetectResponse) {
	p.Helper()
	raw := eval[string](p, fmt.Sprintf(`fetch("examples/BloodImage_00014.jpg").then((r) => r.blob())
		.then((b) => fetch("v1/detect?threshold=%v", {method: "POST", body: b, headers: {"Content-Type": "image/jpeg"}})).then((r) => r.text())`, threshold))
	require.NoError(p.T, json.Unmarshal([]byte(raw), &a))
	return a
}

func testUpload(t *testing.T, b *bench) {
	p := b.openPage(t)
	p.shot("empty")
	assert.Equal(t, "The model detects Platelets, RBC and WBC.", p.text("#knows"))
	p.js(`document.querySelector(".welcome .button").focus()`)
	p.upload(example)
	p.wait(done)
	assert.Equal(t, "main", eval[string](p, `document.activeElement.id`), "the button is gone")
	want := p.detections(0.5)
	require.NotEmpty(t, want.Detections)
	assert.Equal(t, len(want.Detections), eval[int](p, boxes))
	assert.Equal(t, len(want.Detections), eval[int](p, rows))
	assert.Equal(t, fmt.Sprintf("%d objects", len(want.Detections)), p.text("#count"))
	assert.Equal(t, "BloodImage_00014.jpg, 640 × 480, 21 kB", p.text("#name"))
	p.wait(`document.getElementById("status").textContent.includes("objects found: ")`)
	assert.Regexp(t, `^BloodImage_00014.jpg: \d+ objects found: `, eval[string](p, `document.getElementById("image").alt`))
	assert.Contains(t, p.text("#times"), "Inference")
	// The first box lies over the image where the server says.
	first := want.Detections[0].Box
	at := eval[[4]float64](p, `(() => {
		const f = document.getElementById("image").getBoundingClientRect(), s = 640 / f.width;
		const id = document.querySelector("#table tbody tr").dataset.id;
		const r = document.querySelector("#overlay .box[data-id='" + id + "'] .line").getBoundingClientRect();
		return [(r.left - f.left) * s, (r.top - f.top) * s, (r.right - f.left) * s, (r.bottom - f.top) * s];
	})()`)
	for i, v := range []float32{first.X1, first.Y1, first.X2, first.Y2} {
		assert.InDelta(t, v, at[i], 3)
	}
	p.shot("done")
}

func testPaste(t *testing.T, b *bench) {
	p := b.openPage(t)
	p.js(`fetch("examples/BloodImage_00111.jpg").then((r) => r.blob()).then((blob) => {
		const clipboardData = new DataTransfer();
		clipboardData.items.add(new File([blob], "pasted.jpg", {type: "image/jpeg"}));
		document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}));
	})`)
	p.wait(done)
	assert.Contains(t, p.text("#name"), "pasted.jpg")
	assert.Positive(t, eval[int](p, boxes))
}

func testDrop(t *testing.T, b *bench) {
	p := b.openPage(t)
	file, err := filepath.Abs(example)
	require.NoError(t, err)
	drag := func(kind input.DispatchDragEventType) {
		call(p, input.DispatchDragEvent, input.DispatchDragEventParams{
			Type: kind, X: 600, Y: 400,
			Data: &input.DragData{Items: []*input.DragDataItem{}, Files: []string{file}, DragOperationsMask: 1},
		})
	}
	drag(input.DispatchDragEventTypeDragEnter)
	drag(input.DispatchDragEventTypeDragOver)
	p.wait(`document.querySelector("main.dropping")`)
	p.shot("over")
	drag(input.DispatchDragEventTypeDrop)
	p.wait(done)
	assert.False(t, eval[bool](p, `document.querySelector("main").classList.contains("dropping")`))
	assert.Contains(t, p.text("#name"), "BloodImage_00014.jpg")
	assert.Positive(t, eval[int](p, boxes))
}

func testExample(t *testing.T, b *bench) {
	p := b.openExample(t)
	assert.True(t, eval[bool](p, `document.querySelector("[data-example][aria-current]").dataset.example === "BloodImage_00014.jpg"`))
	p.click(`[data-example="BloodImage_00236.jpg"]`)
	p.wait(done + ` && document.getElementById("name").textContent.startsWith("BloodImage_00236")`)
	assert.Positive(t, eval[int](p, boxes))
	const marked = `document.querySelectorAll("[data-example][aria-current]").length`
	assert.Equal(t, 1, eval[int](p, marked))
	// An image of the user's with the name of an example is not the example.
	own, err := os.ReadFile("../examples/BloodImage_00111.jpg")
	require.NoError(t, err)
	p.upload(temporary(t, "BloodImage_00340.jpg", own))
	p.wait(done + ` && document.querySelectorAll(".thumb").length === 3`)
	assert.Zero(t, eval[int](p, marked))
	p.js(`for (let i = 0; i < 2; i++) document.querySelector('[data-example="BloodImage_00340.jpg"]').click()`)
	p.wait(done + ` && document.querySelectorAll(".thumb").length === 4`)
	p.wait(marked + ` === 1`)
	p.wait(`document.querySelector(".thumb[aria-current]") === [...document.querySelectorAll(".thumb")].at(-1)`)
}

func testThreshold(t *testing.T, b *bench) {
	p := b.openExample(t)
	before, _ := p.counts()
	half, low := p.detections(0.5), p.detections(0.05)
	require.Greater(t, len(low.Detections), len(half.Detections))
	p.js(`document.getElementById("threshold").focus()`)
	p.do(chromedp.KeyEvent(kb.Home))
	assert.Equal(t, "5%", p.text("#threshold-value"))
	assert.Equal(t, len(low.Detections), eval[int](p, boxes))
	assert.Equal(t, len(low.Detections), eval[int](p, rows))
	p.shot("low")
	p.do(chromedp.KeyEvent(kb.End))
	assert.Equal(t, "Nothing found", p.text("#count"))
	assert.Zero(t, eval[int](p, boxes))
	assert.Contains(t, p.text("#none"), "with a lower confidence")
	p.shot("high")
	p.js(`{const s = document.getElementById("threshold"); s.value = 50; s.dispatchEvent(new Event("input"))}`)
	assert.Equal(t, len(half.Detections), eval[int](p, boxes))
	after, _ := p.counts()
	assert.Equal(t, before+2, after, "only this test's own two requests: the slider sends none")
}

func testClasses(t *testing.T, b *bench) {
	p := b.openExample(t)
	before, _ := p.counts()
	all := eval[int](p, boxes)
	count, err := strconv.Atoi(p.text(`.chip[data-class-id="2"] .number`))
	require.NoError(t, err)
	require.Positive(t, count)
	p.click(`.chip[data-class-id="2"]`)
	assert.Equal(t, "false", eval[string](p, `document.querySelector('.chip[data-class-id="2"]').ariaPressed`))
	assert.Equal(t, all-count, eval[int](p, boxes))
	assert.NotContains(t, p.text("#table tbody"), "RBC")
	p.shot("off")
	p.click(`.chip[data-class-id="2"]`)
	assert.Equal(t, all, eval[int](p, boxes))
	after, _ := p.counts()
	assert.Equal(t, before, after)
	// A chip stays when other classes come and go, as in what the camera sees. Another model's class with its number has a chip of its own.
	assert.Equal(t, "true false dog", eval[string](p, `import("/js/results.js").then(({panel}) => {
		const answer = {detections: [], timing_ms: {round_trip: 1}, model: {name: "m", version: "v"}};
		const chip = (classes) => {
			panel(answer, [], {hidden: new Set(), low: 0.05, classes: new Map(classes.map(([id, label]) => [id, {label, shown: 1}])), toggle() {}});
			return document.querySelector('.chip[data-class-id="2"]');
		};
		const first = chip([[1, "cat"], [2, "RBC"]]), second = chip([[2, "RBC"], [3, "cow"]]), third = chip([[2, "dog"]]);
		return [first === second, second === third, third.querySelector(".name").textContent].join(" ");
	})`))
}

func testLinks(t *testing.T, b *bench) {
	p := b.openExample(t)
	marked := func(kind string) string {
		return eval[string](p, fmt.Sprintf(`[...document.querySelectorAll(%q)].map((e) => e.dataset.id).join()`, kind))
	}
	// move puts the pointer on the middle of an element.
	move := func(selector string) {
		at := eval[[2]float64](p, fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`, selector))
		p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
	}
	id := eval[string](p, `document.querySelectorAll("#table tbody tr")[2].dataset.id`)
	move(fmt.Sprintf(`tr[data-id="%s"] .score`, id))
	assert.Equal(t, id, marked(".box.marked"))
	assert.Equal(t, id, marked("tr.marked"))
	p.shot("row")
	// A small box can be pointed at although larger ones lie around it.
	small := eval[string](p, `[...document.querySelectorAll("#overlay .box")].at(-1).dataset.id`)
	move(fmt.Sprintf(`.box[data-id="%s"]`, small))
	assert.Equal(t, small, marked("tr.marked"))
	move(".summary")
	assert.Empty(t, marked(".box.marked"))
	// A click holds on until the next or Escape.
	p.click(fmt.Sprintf(`tr[data-id="%s"] button`, id))
	move(".summary")
	p.js(`document.activeElement.blur()`)
	assert.Equal(t, id, marked(".box.marked"))
	assert.Equal(t, "true", eval[string](p, fmt.Sprintf(`document.querySelector('.box[data-id="%s"]').ariaPressed`, id)))
	p.do(chromedp.KeyEvent(kb.Escape))
	assert.Empty(t, marked(".box.marked"))
}

func testKeyboard(t *testing.T, b *bench) {
	p := b.openExample(t)
	row := func() int {
		return eval[int](p, `[...document.querySelectorAll("#table tbody tr")].indexOf(document.activeElement.closest("tr"))`)
	}
	p.js(`document.querySelector("#table tbody button").focus()`)
	p.do(chromedp.KeyEvent(kb.ArrowDown))
	assert.Equal(t, 1, row())
	assert.True(t, eval[bool](p, `document.querySelector(".box.marked").dataset.id === document.activeElement.closest("tr").dataset.id`))
	p.do(chromedp.KeyEvent(kb.End))
	assert.Equal(t, eval[int](p, rows)-1, row())
	p.shot("row")
	// The boxes are one stop, too.
	p.js(`document.querySelector('.box[tabindex="0"]').focus()`)
	p.do(chromedp.KeyEvent(kb.ArrowRight))
	assert.Equal(t, "1", eval[string](p, `document.querySelector("tr.marked").rowIndex - 1 + ""`))
	p.do(chromedp.KeyEvent(kb.Enter))
	assert.Equal(t, "true", eval[string](p, `document.activeElement.ariaPressed`))
	p.shot("box")
	// From the top, every stop has a name and can be seen; the table and the boxes are one each.
	p.js(`document.querySelector(".skip").focus()`)
	var names []string
	for range 40 {
		stop := eval[string](p, `(() => {
			const e = document.activeElement;
			if (e === document.body) return "";
			const name = e.ariaLabel || e.labels?.[0]?.textContent || e.textContent.trim() || e.querySelector("img")?.alt;
			return e.tagName + " " + (name || "NAMELESS") + (e.checkVisibility({visibilityProperty: true}) ? "" : " INVISIBLE");
		})()`)
		if stop == "" {
			break
		}
		names = append(names, stop)
		p.do(chromedp.KeyEvent(kb.Tab))
	}
	all := strings.Join(names, "\n")
	assert.NotContains(t, all, "NAMELESS")
	assert.NotContains(t, all, "INVISIBLE")
	for _, want := range []string{"A ScaleNet Detector", "SELECT Model", "BUTTON Choose", "BUTTON Save JSON", "INPUT Minimum confidence"} {
		assert.Contains(t, all, want)
	}
	assert.Equal(t, 1, strings.Count(all, "\ng "), "one of the boxes")
}

func testModels(t *testing.T, b *bench) {
	p := b.openExample(t)
	before, _ := p.counts()
	p.js(`{const s = document.getElementById("model"); s.value = "cards"; s.dispatchEvent(new Event("change"))}`)
	p.wait(done)
	after, _ := p.counts()
	assert.Equal(t, before+1, after, "the image is looked at with the other model")
	assert.NotContains(t, p.text("#table tbody"), "RBC")
	assert.True(t, eval[bool](p, `[...document.querySelectorAll(".examples")].every((set) => set.hidden)`), "it knows neither blood cells nor people")
	assert.Contains(t, p.text("#knows"), "queen")
}

func testSave(t *testing.T, b *bench) {
	p := b.openExample(t)
	folder := t.TempDir()
	call(p, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: folder, BrowserContextID: chromedp.FromContext(p.Context).BrowserContextID,
	})
	p.click(`.chip[data-class-id="1"]`)
	p.click(`[data-do="save-json"]`)
	var saved struct {
		server.DetectResponse
		Threshold float64 `json:"threshold"`
	}
	require.NoError(t, json.Unmarshal(download(t, folder, "BloodImage_00014.json"), &saved))
	assert.Equal(t, 0.5, saved.Threshold)
	assert.Equal(t, "bccd", saved.Model.Name)
	assert.Len(t, saved.Detections, eval[int](p, boxes))
	for _, d := range saved.Detections {
		assert.NotEqual(t, "Platelets", d.Label, "switched off")
		assert.GreaterOrEqual(t, d.Score, float32(0.5))
	}

	p.click(`[data-do="save-image"]`)
	saw, format, err := image.Decode(bytes.NewReader(download(t, folder, "BloodImage_00014-boxes.jpg")))
	require.NoError(t, err)
	assert.Equal(t, "jpeg", format)
	assert.Equal(t, image.Pt(640, 480), saw.Bounds().Size())
	for _, d := range saved.Detections {
		if d.Label != "WBC" {
			continue
		}
		// Its left edge is green (63dd95), which nothing in the image is.
		r, g, bl, _ := saw.At(int(d.Box.X1+0.5), int(d.Box.Y1+d.Box.Y2)/2).RGBA()
		assert.Greater(t, g, r+0x2000)
		assert.Greater(t, g, bl)
	}
}

// download waits for a file.
func download(t *testing.T, folder, name string) []byte {
	t.Helper()
	end := time.Now().Add(patience)
	for {
		data, err := os.ReadFile(filepath.Join(folder, name)) // it gets its name when it is complete
		if err == nil && len(data) > 0 {
			return data
		}
		require.True(t, time.Now().Before(end), "no download %s: %v", name, err)
		time.Sleep(25 * time.Millisecond)
	}
}
