package web_test

import (
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mosaicFile is a file with four copies of an example image.
func mosaicFile(t *testing.T) string {
	t.Helper()
	f, err := os.Open("../examples/BloodImage_00014.jpg")
	require.NoError(t, err)
	defer f.Close()
	one, err := jpeg.Decode(f)
	require.NoError(t, err)
	size := one.Bounds().Size()
	mosaic := image.NewRGBA(image.Rect(0, 0, 2*size.X, 2*size.Y))
	for i := range 4 {
		at := image.Pt(i%2*size.X, i/2*size.Y)
		draw.Draw(mosaic, image.Rectangle{at, at.Add(size)}, one, image.Point{}, draw.Src)
	}
	path := filepath.Join(t.TempDir(), "mosaic.jpg")
	out, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, jpeg.Encode(out, mosaic, &jpeg.Options{Quality: 92}))
	require.NoError(t, out.Close())
	return path
}

// testTiles: another choice detects again, and finds more in a large image.
func testTiles(t *testing.T, b *bench) {
	s, asked := withThresholds(t, b)
	p := b.newTab(t, s.URL)
	p.wait(`document.getElementById("knows").textContent`)
	p.upload(mosaicFile(t))
	p.wait(done)
	require.Len(t, asked(), 1)
	assert.False(t, asked()[0].Has("tile"))
	whole := eval[int](p, boxes)
	p.js(fmt.Sprintf(chooseTile, "480"))
	p.wait(done)
	require.Len(t, asked(), 2)
	assert.Equal(t, "480", asked()[1].Get("tile"))
	assert.Greater(t, eval[int](p, boxes), whole)
	for _, scheme := range []string{"light", "dark"} {
		p.scheme(scheme)
		assert.Empty(t, unreadable(p), scheme)
		p.shot("tiles-" + scheme)
	}
	// The choice keeps the focus during the request.
	p.js(`document.getElementById("tile").focus()`)
	for _, width := range []int64{1360, 320} {
		p.viewport(width, 640)
		p.do(chromedp.KeyEvent(kb.ArrowUp))
		p.shot(fmt.Sprintf("tiles-%d-busy", width))
		p.wait(done)
		assert.Equal(t, "tile", eval[string](p, focused))
	}
	assert.Len(t, asked(), 4)
	p.shot("tiles-narrow")
}
