package web_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/tiff"
)

// testFormats: images that only the server or only the browser reads are shown and looked at all the same, and those with an
// orientation lie upright in both.
func testFormats(t *testing.T, b *bench) {
	data, err := os.ReadFile(example)
	require.NoError(t, err)
	image, err := jpeg.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	var inTIFF bytes.Buffer
	require.NoError(t, tiff.Encode(&inTIFF, image, nil))
	for _, c := range []struct {
		file, size string
		data       []byte
		expected   []string
	}{
		{"cells.tiff", "640 × 480", inTIFF.Bytes(), nil},
		{"cells.svg", "640 × 480", inSVG(data), []string{"status of 415"}},
		{"turned.jpg", "480 × 640", turned(data), nil},
	} {
		t.Run(c.file, func(t *testing.T) {
			p := b.openPage(t, c.expected...)
			p.upload(temporary(t, c.file, c.data))
			p.wait(done + ` && document.getElementById("image").naturalWidth > 0 && !document.querySelector(".frame.blank")`)
			assert.Contains(t, p.text("#name"), c.file+", "+c.size)
			assert.Equal(t, c.size, eval[string](p, `(({naturalWidth: w, naturalHeight: h}) => w + " × " + h)(document.getElementById("image"))`))
			assert.Positive(t, eval[int](p, boxes))
			p.shot("shown")
		})
	}
}

// inSVG is an SVG image with a JPEG in it.
func inSVG(data []byte) []byte {
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="480"><image width="640" height="480" href="data:image/jpeg;base64,%s"/></svg>`,
		base64.StdEncoding.EncodeToString(data))
}

// testConverted: an image that only the browser reads is a JPEG, by its name, too, wherever the server or another tool gets it, also if
// it is not shown.
func testConverted(t *testing.T, b *bench) {
	p := b.openPage(t, "status of 415")
	folder := p.downloads()
	data, err := os.ReadFile(example)
	require.NoError(t, err)
	p.upload(temporary(t, "cells.svg", inSVG(data)))
	p.wait(done)
	want := map[string][]pageBox{"cells": p.pageBoxes()}
	assert.Contains(t, p.text("#curl"), "image/jpeg' \\\n  --data-binary '@cells.jpg'")
	assert.Equal(t, "The server does not read the format of cells.svg. Convert it to cells.jpg first.", p.text("#curl-note"))
	p.js(`document.querySelector("details.command").open = true; document.getElementById("curl-note").scrollIntoView()`)
	p.shot("curl")
	p.click("#save-labels")
	set := t.TempDir()
	unzip(t, download(t, folder, "cells-coco.zip"), set)
	checkSet(t, want, filepath.Join(set, "annotations.json"))
	p.js(fmt.Sprintf(chooseCards, "compare"))
	p.wait(`document.getElementById("other-pane").textContent.includes("object")`)
	p.do(chromedp.Reload())
	p.wait(`document.getElementById("knows").textContent`)

	p.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{temporary(t, "cells.jpg", data), temporary(t, "cells.svg", inSVG(data))}, chromedp.NodeReady))
	p.wait(done)
	p.wait(counted)
	assert.NotContains(t, eval[[]string](p, numbers), "!")
	p.wait(`[...document.querySelectorAll(".thumb canvas")].every((c) => c.width > 1)`)
	want["cells"] = p.pageBoxes()
	p.js(`document.querySelectorAll(".thumb")[1].click()`)
	p.wait(done + ` && document.getElementById("name").textContent.startsWith("cells.svg, 640 × 480")`)
	want["cells-2"] = p.pageBoxes()
	for format, file := range map[string]string{"coco": "annotations.json", "voc": "", "yolo": "data.yaml"} {
		p.js(fmt.Sprintf(`document.getElementById("format").value = %q`, format))
		p.click("#save-labels")
		set := t.TempDir()
		unzip(t, download(t, folder, "labels-"+format+".zip"), set)
		checkSet(t, want, filepath.Join(set, file))
	}
	assert.Equal(t, 255, eval[int](p, `import("/js/image.js").then(async ({converted}) => {
		const drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>';
		const context = new OffscreenCanvas(8, 8).getContext("2d");
		context.drawImage(await createImageBitmap(await converted(new Blob([drawing], {type: "image/svg+xml"}))), 0, 0);
		return context.getImageData(4, 4, 1, 1).data[1];
	})`), "transparent is white")
}

// turned is a JPEG with an EXIF segment that says it is to be turned by 90 degrees (orientation 6).
func turned(data []byte) []byte {
	exif := []byte("\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00")
	return append(append(bytes.Clone(data[:2]), exif...), data[2:]...)
}
