package web_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/coco"
)

// pageBox is a box of the page: class, then x1, y1, x2, y2 in pixels of the image.
type pageBox struct {
	Label string
	Box   [4]float64
}

// pageBoxes are the boxes as the panel has them, to the pixel.
func (p *tab) pageBoxes() []pageBox {
	p.Helper()
	return eval[[]pageBox](p, `[...document.querySelectorAll("#table tbody tr")].map((r) => {
		const [x, y] = r.cells[2].textContent.split(", ").map(Number), [w, h] = r.cells[3].textContent.split(" × ").map(Number);
		return {Label: r.cells[0].textContent, Box: [x, y, x + w, y + h]};
	})`)
}

// drag moves the pointer over the image, from and to places in pixels of the image.
func (p *tab) drag(from, to [2]float64) {
	p.Helper()
	p.wait(drawn)
	at := func(v [2]float64) (x, y float64) {
		r := eval[[4]float64](p, `(() => { const r = document.getElementById("overlay").getBoundingClientRect(); return [r.left, r.top, r.width / 640, r.height / 480]; })()`)
		return r[0] + v[0]*r[2], r[1] + v[1]*r[3]
	}
	x, y := at(from)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y))
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, x, y, chromedp.Button("left"), chromedp.ClickCount(1)))
	x, y = at(to)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x-3, y-3, chromedp.Button("left")))
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y, chromedp.Button("left")))
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x, y, chromedp.Button("left"), chromedp.ClickCount(1)))
}

// testEdit draws, moves, resizes, renames and deletes boxes with the pointer and with keys, and takes all of it back.
func testEdit(t *testing.T, b *bench) {
	p := b.openExample(t)
	before := p.pageBoxes()
	p.click("#edit")
	assert.Equal(t, before, p.pageBoxes())
	// Few boxes leave room for the pointer.
	p.js(`document.querySelector("[data-do=box-new]").focus()`)
	p.drag([2]float64{20, 300}, [2]float64{60, 350}) // from where no box is
	drawn := p.pageBoxes()
	require.Len(t, drawn, len(before)+1)
	assert.Equal(t, pageBox{"Platelets", [4]float64{20, 300, 60, 350}}, drawn[len(before)])
	assert.Equal(t, 8, eval[int](p, `document.querySelectorAll(".handle").length`))
	p.shot("drawn")
	last := func() [4]float64 { all := p.pageBoxes(); return all[len(all)-1].Box }
	near := func(want [4]float64) {
		t.Helper()
		got := last()
		for i := range want {
			assert.InDelta(t, want[i], got[i], 1.01, "%v, want %v", got, want)
		}
	}
	p.drag([2]float64{40, 325}, [2]float64{45, 335})
	near([4]float64{25, 310, 65, 360})
	p.drag([2]float64{65, 360}, [2]float64{80, 380})
	near([4]float64{25, 310, 80, 380})
	p.drag([2]float64{25, 345}, [2]float64{0, 345})
	near([4]float64{0, 310, 80, 380})
	p.drag([2]float64{40, 345}, [2]float64{0, 600 - 480}) // no further than the edge
	near([4]float64{0, 85, 80, 155})

	// Keys: move by one and by ten, resize, class, delete, new.
	p.js(`document.querySelector("#overlay .box.marked").focus()`)
	at := last()
	p.do(chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowDown, chromedp.KeyModifiers(chromedp.ModifierShift)))
	near([4]float64{at[0] + 1, at[1] + 10, at[2] + 1, at[3] + 10})
	p.do(chromedp.KeyEvent(kb.ArrowLeft, chromedp.KeyModifiers(chromedp.ModifierAlt)))
	near([4]float64{at[0] + 1, at[1] + 10, at[2], at[3] + 10})
	p.do(chromedp.KeyEvent("c"))
	assert.Equal(t, "class", eval[string](p, `document.activeElement.id`))
	p.js(`document.getElementById("class").select()`)
	p.do(chromedp.KeyEvent("parasite"), chromedp.KeyEvent(kb.Enter))
	assert.Equal(t, "parasite", p.pageBoxes()[len(before)].Label)
	p.js(`document.querySelector("#overlay .box.marked").focus()`)
	p.do(chromedp.KeyEvent(kb.Delete))
	assert.Equal(t, before, p.pageBoxes())
	p.do(chromedp.KeyEvent("n"))
	assert.Equal(t, [4]float64{256, 192, 384, 288}, last())
	p.wait(`document.getElementById("status").textContent.includes("New box")`)
	p.shot("keys")

	// All of it is undone, one by one, and done again.
	edited := p.pageBoxes()
	undone := 0
	for !eval[bool](p, `document.getElementById("undo").disabled`) {
		p.do(chromedp.KeyEvent("z", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
		undone++
	}
	assert.Equal(t, 11, undone)
	assert.Equal(t, before, p.pageBoxes())
	for range undone {
		p.click("#redo")
	}
	assert.Equal(t, edited, p.pageBoxes())
	p.click("#edit")
	assert.Equal(t, edited, p.pageBoxes(), "kept")
	assert.Zero(t, eval[int](p, `document.querySelectorAll(".handle").length`))
	p.click("#discard")
	assert.Equal(t, before, p.pageBoxes())
}

// downloads lets the page save files in a folder.
func (p *tab) downloads() string {
	folder := p.TempDir()
	call(p, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: folder, BrowserContextID: chromedp.FromContext(p.Context).BrowserContextID,
	})
	return folder
}

// testSaveLabels reads what the page saves with the readers of package coco, for one image and for several, two of them with one name.
func testSaveLabels(t *testing.T, b *bench) {
	p := b.openExample(t)
	folder := p.downloads()
	p.click("#edit")
	p.do(chromedp.KeyEvent("n"))
	p.js(`{const c = document.getElementById("class"); c.value = "A & <b>"; c.dispatchEvent(new Event("change"))}`)
	p.click("#edit")
	want := map[string][]pageBox{"BloodImage_00014": p.pageBoxes()}
	for _, format := range []string{"coco", "voc", "yolo"} {
		p.js(fmt.Sprintf(`document.getElementById("format").value = %q`, format))
		p.click("#save-labels")
		name := map[string]string{"coco": "BloodImage_00014.json", "voc": "BloodImage_00014.xml", "yolo": "BloodImage_00014-yolo.zip"}[format]
		data := download(t, folder, name)
		set := t.TempDir()
		switch format {
		case "coco":
			require.NoError(t, os.WriteFile(filepath.Join(set, "a.json"), data, 0o644))
			d, err := coco.ReadCOCO(filepath.Join(set, "a.json"), "../examples")
			require.NoError(t, err)
			checkLabels(t, want, d)
		case "voc":
			image, err := os.ReadFile(example)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(set, "BloodImage_00014.jpg"), image, 0o644))
			require.NoError(t, os.WriteFile(filepath.Join(set, name), data, 0o644))
			checkSet(t, want, set)
		default:
			unzip(t, data, set)
			checkSet(t, want, filepath.Join(set, "data.yaml"))
		}
	}
	same, err := os.ReadFile("../examples/BloodImage_00236.jpg")
	require.NoError(t, err)
	p.upload(temporary(t, "BloodImage_00014.jpg", same))
	p.wait(done + ` && document.querySelectorAll(".thumb").length === 2`)
	want["BloodImage_00014-2"] = p.pageBoxes()
	assert.NotEqual(t, want["BloodImage_00014"], want["BloodImage_00014-2"])
	for format, file := range map[string]string{"coco": "annotations.json", "voc": "", "yolo": "data.yaml"} {
		p.js(fmt.Sprintf(`document.getElementById("format").value = %q`, format))
		p.click("#save-labels")
		set := t.TempDir()
		unzip(t, download(t, folder, "labels-"+format+".zip"), set)
		checkSet(t, want, filepath.Join(set, file))
		if format == "coco" {
			pycocotools(t, filepath.Join(set, file))
		}
	}
}

func checkSet(t *testing.T, want map[string][]pageBox, path string) {
	t.Helper()
	var o coco.Options
	if strings.HasSuffix(path, "data.yaml") {
		o.Split = "train"
	}
	d, err := coco.Open(path, o)
	require.NoError(t, err)
	for _, m := range d.Images {
		_, err := os.Stat(filepath.Join(d.ImagesDir, m.FileName))
		assert.NoError(t, err)
	}
	checkLabels(t, want, d)
}

// checkLabels compares a data set with the boxes of the page by name of the image. The page shows whole pixels.
func checkLabels(t *testing.T, want map[string][]pageBox, d *coco.Dataset) {
	t.Helper()
	got, names := map[string][]pageBox{}, map[int64]string{}
	for _, m := range d.Images {
		names[m.ID] = strings.TrimSuffix(filepath.Base(m.FileName), ".jpg")
	}
	require.Len(t, names, len(want))
	for _, a := range d.Annotations {
		name := names[d.Images[a.Image].ID]
		got[name] = append(got[name], pageBox{d.Categories[a.Class-1].Name, [4]float64{a.Box[0], a.Box[1], a.Box[0] + a.Box[2], a.Box[1] + a.Box[3]}})
	}
	for name, boxes := range want {
		require.Len(t, got[name], len(boxes), name)
		for i, w := range boxes {
			assert.Equal(t, w.Label, got[name][i].Label)
			for k := range w.Box {
				assert.InDelta(t, w.Box[k], got[name][i].Box[k], 1.01)
			}
		}
	}
}

func unzip(t *testing.T, data []byte, folder string) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	for _, f := range r.File {
		file, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(file) // checks the sum
		require.NoError(t, err)
		name := filepath.Join(folder, f.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, content, 0o644))
	}
}

// pycocotools reads a file, too, if it is installed.
func pycocotools(t *testing.T, file string) {
	packages, err := filepath.Abs("../build/pycocotools")
	require.NoError(t, err)
	if _, err := os.Stat(packages); err != nil {
		t.Log("pycocotools is not installed: scripts/pypi.sh scripts/pycocotools.txt build/pycocotools --no-deps")
		return
	}
	c := exec.Command("python3", "-c", "import sys; from pycocotools.coco import COCO; c = COCO(sys.argv[1]); assert len(c.getImgIds()) == 2 and c.getAnnIds()", file)
	c.Env = append(slices.Clone(os.Environ()), "PYTHONPATH="+packages)
	out, err := c.CombinedOutput()
	assert.NoError(t, err, string(out))
}
