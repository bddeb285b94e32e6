package web_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/jpeg"
	"os"
	"testing"

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
	inSVG := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="640" height="480"><image width="640" height="480" href="data:image/jpeg;base64,%s"/></svg>`,
		base64.StdEncoding.EncodeToString(data))
	for _, c := range []struct {
		file, size string
		data       []byte
		expected   []string
	}{
		{"cells.tiff", "640 × 480", inTIFF.Bytes(), nil},
		{"cells.svg", "640 × 480", []byte(inSVG), []string{"status of 415"}},
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

// turned is a JPEG with an EXIF segment that says it is to be turned by 90 degrees (orientation 6).
func turned(data []byte) []byte {
	exif := []byte("\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00")
	return append(append(bytes.Clone(data[:2]), exif...), data[2:]...)
}
