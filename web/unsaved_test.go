package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	chooseTile = `{const s = document.getElementById("tile"); s.value = "%s"; s.dispatchEvent(new Event("change"))}`
	focused    = `document.activeElement.id`
)

// testEditWaits: key E edits only boxes of a response that is shown, not during a request, behind an error or over the camera. Where the
// tiles are too many, the whole image is offered.
func testEditWaits(t *testing.T, b *bench) {
	answer := make(chan struct{})
	release := sync.OnceFunc(func() { close(answer) })
	defer release()
	p := b.newTab(t, b.through(t, "/detect", func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Query().Get("tile") {
		case "480":
			<-answer
		case "320":
			refuse(w, http.StatusUnprocessableEntity, "too_many_tiles")
			return true
		}
		return false
	}), "status of 422")
	p.wait(`document.getElementById("knows").textContent`)
	p.upload(example)
	p.wait(done)
	whole := p.pageBoxes()
	require.NotEmpty(t, whole)
	press := func(state string) {
		t.Helper()
		p.js(`document.activeElement.blur()`)
		p.do(chromedp.KeyEvent("e"))
		assert.Equal(t, "false", eval[string](p, `document.getElementById("edit").ariaPressed`), state)
	}
	p.js(fmt.Sprintf(chooseTile, "480"))
	p.wait(`document.querySelector("main.busy")`)
	press("request")
	release()
	p.wait(done)
	assert.NotEmpty(t, p.pageBoxes())
	p.js(fmt.Sprintf(chooseTile, "320"))
	p.wait(refused)
	press("error")
	p.shot("tiles")
	assert.True(t, eval[bool](p, `document.getElementById("problem-retry").hidden`), "the same request would fail again")
	p.click("#problem-whole")
	p.wait(done)
	assert.Empty(t, eval[string](p, `document.getElementById("tile").value`))
	assert.Equal(t, whole, p.pageBoxes())
	assert.Equal(t, "main", eval[string](p, focused), "the button is gone")
	p.click(`.caption [data-do="camera"]`)
	p.wait(`document.querySelector('main[data-state="live"].done')`)
	press("camera")
	p.click(`[data-do="stop"]`)
	p.wait(`document.querySelector('main[data-state="empty"]')`)
	p.click(".thumb") // the way back to the image
	p.wait(done)
	assert.Equal(t, whole, p.pageBoxes())
}

// testUnsaved: corrected boxes are not lost without a question, and the focus has a place afterwards.
func testUnsaved(t *testing.T, b *bench) {
	const leaving = `dispatchEvent(new Event("beforeunload", {cancelable: true}))` // false if the browser asks
	p := b.openExample(t)
	folder := p.downloads()
	p.click(`[data-example="BloodImage_00236.jpg"]`)
	p.wait(done + ` && document.querySelectorAll(".thumb").length === 2`)
	assert.True(t, eval[bool](p, leaving))
	p.click("#edit")
	assert.True(t, eval[bool](p, leaving))
	p.do(chromedp.KeyEvent("n"))
	assert.False(t, eval[bool](p, leaving))
	p.click("#undo")
	assert.Equal(t, "edit", eval[string](p, focused), "the button is disabled")
	assert.True(t, eval[bool](p, leaving))
	p.click("#redo")
	p.click("#edit")

	p.js(`window.asked = []; window.confirm = (text) => (asked.push(text), asked.length > 1); document.querySelector(".thumb[aria-current]").focus()`)
	p.do(chromedp.KeyEvent(kb.Delete))
	assert.Equal(t, []string{"The corrected boxes of BloodImage_00236.jpg are not saved. Close the image anyway?"}, eval[[]string](p, `asked`))
	assert.Len(t, eval[[]string](p, thumbs), 2)
	p.click("#save-labels")
	download(t, folder, "labels-coco.zip")
	assert.True(t, eval[bool](p, leaving), "saved")
	p.click("#undo")
	p.click("#edit")
	p.do(chromedp.KeyEvent("n"))
	assert.False(t, eval[bool](p, leaving))
	p.js(`document.querySelector(".thumb[aria-current]").focus()`)
	p.do(chromedp.KeyEvent(kb.Delete))
	p.wait(done + ` && document.getElementById("name").textContent.startsWith("BloodImage_00014")`)
	assert.Equal(t, 2, eval[int](p, `asked.length`))
	assert.Equal(t, "main", eval[string](p, focused), "the strip is gone")
}

// testModelsLater: a list of models that could not be loaded is loaded with the next image. Until then, label files have the classes in
// the order of their ids.
func testModelsLater(t *testing.T, b *bench) {
	var fine atomic.Bool
	p := b.newTab(t, b.through(t, "/models", func(w http.ResponseWriter, _ *http.Request) bool {
		if !fine.Load() {
			refuse(w, http.StatusTooManyRequests, "rate_limited")
		}
		return !fine.Load()
	}), "status of 429")
	folder := p.downloads()
	p.upload(example)
	p.wait(done)
	seen := map[string]bool{}
	for _, c := range p.pageBoxes() {
		seen[c.Label] = true
	}
	var want, got []string
	for _, class := range []string{"Platelets", "RBC", "WBC"} {
		if seen[class] {
			want = append(want, class)
		}
	}
	require.NotEqual(t, want[0], p.pageBoxes()[0].Label, "otherwise this checks nothing")
	p.click("#save-labels")
	var saved struct{ Categories []struct{ Name string } }
	require.NoError(t, json.Unmarshal(download(t, folder, "BloodImage_00014.json"), &saved))
	for _, c := range saved.Categories {
		got = append(got, c.Name)
	}
	assert.Equal(t, want, got)
	fine.Store(true)
	p.upload("../examples/BloodImage_00236.jpg")
	p.wait(done + ` && document.getElementById("name").textContent.startsWith("BloodImage_00236")`)
	assert.NotEmpty(t, p.text("#knows"))
	assert.Contains(t, p.text("#curl"), "model=bccd")
	p.wait(counted) // the first image again, with the model by name
}
