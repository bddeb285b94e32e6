package server

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/detector"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/tile"
)

// pattern is a PNG with something to find in it.
func pattern(t *testing.T, w, h int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(x * 7), uint8(y * 5), uint8(x * y / 9), 255})
		}
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

// TestTiles compares with the detector's own tiles.
func TestTiles(t *testing.T) {
	s := serve(t, nil)
	data := pattern(t, 150, 100)
	for query, o := range map[string]tile.Options{
		"?threshold=0.1&tile=64":             {Side: 64, Overlap: 0.2},
		"?threshold=0.1&tile=64&overlap=0.5": {Side: 64, Overlap: 0.5},
		"?threshold=0.1&tile=640":            {Side: 640, Overlap: 0.2}, // larger than the image
	} {
		t.Run(query, func(t *testing.T) {
			o.Merge = tile.DefaultMerge()
			status, _, body := s.post(t, "/detect"+query, "image/png", string(data))
			require.Equal(t, 200, status, body)
			var got DetectResponse
			require.NoError(t, json.Unmarshal([]byte(body), &got))

			m := s.config.Models.Acquire("")
			defer m.Release()
			picture, err := imaging.Decode(data, imaging.Limits{})
			require.NoError(t, err)
			settings := m.Detector.Model().Settings()
			settings.Detections.Score = 0.0999
			queries, places := detector.TileQueries(picture, settings, o)
			var all detector.TiledDetections
			for i, q := range queries {
				found, _, err := m.Detector.DetectEach(q)
				require.NoError(t, err)
				all.Add(found[0], geom.Size{W: q.Image.W, H: q.Image.H}, places[i])
			}
			want := all.Merged(o.Merge)
			if len(queries) == 1 {
				list, _, err := m.Detector.DetectEach(queries...)
				require.NoError(t, err)
				want = list[0]
			}
			require.NotEmpty(t, want)
			require.Equal(t, len(want), len(got.Detections))
			for i, d := range got.Detections {
				assert.InDelta(t, want[i].Score, d.Score, 1e-5)
				assert.InDelta(t, want[i].Box.X1, d.Box.X1, 1e-2)
			}
			assert.Positive(t, got.TimingMS.Inference)
		})
	}
}

func TestTilesRefused(t *testing.T) {
	s := serve(t, func(c *Config) { c.Limits.Tiles = 7 })
	data := pattern(t, 150, 100)
	for query, want := range map[string]struct {
		status int
		text   string
	}{
		"?tile=64":              {200, ""}, // 3 x 2 tiles and the image
		"?tile=64&overlap=0.6":  {422, "tile = 64 needs 16 runs of the network"},
		"?tile=32&overlap=0.9":  {422, "7 are allowed"},
		"?tile=31":              {400, "tile 31: want 32 to 8192"},
		"?tile=-640":            {400, "tile -640"},
		"?tile=1e3":             {400, `tile = \"1e3\"`},
		"?tile=64&overlap=1":    {400, "overlap 1: want a number from 0 to 0.9"},
		"?tile=64&overlap=NaN":  {400, "overlap NaN"},
		"?tile=64&overlap=half": {400, `overlap = \"half\"`},
		"?overlap=0.5":          {400, "no effect without tile"},
		"?tile=64&tile=64":      {400, "tile is given 2 times"},
	} {
		status, _, body := s.post(t, "/detect"+query, "image/png", string(data))
		assert.Equal(t, want.status, status, query)
		assert.True(t, strings.Contains(body, want.text), "%s: %.300s", query, body)
	}
	// Several images count together, and one that cannot be read is its own error.
	for n, status := range map[int]int{1: 200, 2: 422} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for range n {
			part, err := form.CreateFormFile("image", "a.png")
			require.NoError(t, err)
			_, _ = part.Write(data)
		}
		part, err := form.CreateFormFile("image", "b.png")
		require.NoError(t, err)
		_, _ = part.Write([]byte("nothing"))
		require.NoError(t, form.WriteField("tile", "75"))
		require.NoError(t, form.WriteField("overlap", "0"))
		require.NoError(t, form.Close())
		got, _, text := s.post(t, "/detect", form.FormDataContentType(), body.String())
		assert.Equal(t, status, got, "%.300s", text)
	}
	status, _, _ := s.post(t, "/detect?tile=640", "image/png", string(data))
	assert.Equal(t, http.StatusOK, status)
}
