package imaging

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// ifd is a little-endian TIFF file of entries with one LONG each, and nothing else.
func ifd(entries ...[2]uint32) []byte {
	out := []byte("II*\x00\x08\x00\x00\x00")
	out = binary.LittleEndian.AppendUint16(out, uint16(len(entries)))
	for _, e := range entries {
		out = binary.LittleEndian.AppendUint16(out, uint16(e[0]))
		out = append(out, 4, 0, 1, 0, 0, 0)
		out = binary.LittleEndian.AppendUint32(out, e[1])
	}
	return append(out, 0, 0, 0, 0)
}

// TestDeclaredSizes gives every format sizes of nothing and of far too much, before any pixel is there.
func TestDeclaredSizes(t *testing.T) {
	gif := func(w, h, frameW, frameH uint16) []byte {
		out := []byte("GIF89a")
		for _, v := range []uint16{w, h} {
			out = binary.LittleEndian.AppendUint16(out, v)
		}
		out = append(out, 0, 0, 0, ',', 0, 0, 0, 0)
		for _, v := range []uint16{frameW, frameH} {
			out = binary.LittleEndian.AppendUint16(out, v)
		}
		return append(out, 0, 2, 0)
	}
	bmp := func(w, h int32) []byte {
		out := bytes.Clone(read(t, "rgb.bmp"))
		binary.LittleEndian.PutUint32(out[18:], uint32(w))
		binary.LittleEndian.PutUint32(out[22:], uint32(h))
		return out
	}
	webP := func(w, h uint16) []byte {
		out := bytes.Clone(read(t, "lossy.webp"))
		at := bytes.Index(out, []byte("VP8 ")) + 14
		binary.LittleEndian.PutUint16(out[at:], w)
		binary.LittleEndian.PutUint16(out[at+2:], h)
		return out
	}
	extended := append([]byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00"), bytes.Repeat([]byte{0xff}, 6)...)
	tiff := func(w, h uint32, more ...[2]uint32) []byte {
		return ifd(append([][2]uint32{{tagWidth, w}, {tagHeight, h}}, more...)...)
	}
	for name, c := range map[string]struct {
		data []byte
		want error
		text string
	}{
		"GIF, no frame size":       {gif(5, 5, 0, 7), ErrCorrupt, "0x7"},
		"GIF, no size at all":      {gif(0, 0, 0, 0), ErrCorrupt, "0x0"},
		"GIF, absurd":              {gif(65535, 65535, 3, 3), ErrTooLarge, "65535x65535"},
		"GIF, absurd frame":        {gif(3, 3, 65535, 3), ErrTooLarge, "65535x3"},
		"BMP, no width":            {bmp(0, 5), ErrCorrupt, "0x5"},
		"BMP, no size":             {bmp(0, 0), ErrCorrupt, "0x0"},
		"BMP, negative width":      {bmp(-5, 5), ErrCorrupt, "-5x5"},
		"BMP, absurd":              {bmp(1<<30, 1<<30), ErrTooLarge, "1073741824x1073741824"},
		"BMP, absurd and downward": {bmp(16, -1<<31), ErrTooLarge, "16x2147483648"},
		"WebP, no size":            {webP(0, 0), ErrCorrupt, "0x0"},
		"WebP, absurd":             {extended, ErrTooLarge, "16777216x16777216"},
		"TIFF, no size":            {tiff(0, 3), ErrCorrupt, "0x3"},
		"TIFF, size not said":      {ifd([2]uint32{tagCompression, 1}), ErrCorrupt, "0x0"},
		"TIFF, absurd":             {tiff(1<<31, 1<<31), ErrTooLarge, "2147483648x2147483648"},
		"TIFF, more absurd":        {tiff(1<<32-1, 4), ErrCorrupt, "tag 256 is 4294967295"},
		"TIFF, samples":            {tiff(4, 4, [2]uint32{tagSamples, 60000}), ErrUnsupported, "60000 samples"},
		"TIFF, bits":               {tiff(4, 4, [2]uint32{tagBits, 60000}), ErrUnsupported, "60000 bits"},
		"TIFF, tiny tiles":         {tiff(9000, 5000, [2]uint32{tagTileWidth, 1}, [2]uint32{tagTileHeight, 1}), ErrCorrupt, "tiles of 1x1"},
		"TIFF, absurd tiles":       {tiff(4, 4, [2]uint32{tagTileWidth, 1 << 30}, [2]uint32{tagTileHeight, 1 << 30}), ErrCorrupt, "tiles of 1073741824"},
		"TIFF, no pixels":          {tiff(4, 4), ErrCorrupt, "0 positions"},
		"TIFF, pixels elsewhere":   {tiff(4, 4, [2]uint32{tagStripOffsets, 1 << 31}), ErrCorrupt, "block 0 of its pixels is cut off"},
		"TIFF, JPEG in it":         {tiff(4, 4, [2]uint32{tagCompression, 7}), ErrUnsupported, "compression 7"},
		"TIFF, directory beyond":   {[]byte("II*\x00\xff\xff\xff\xff"), ErrCorrupt, "before its directory"},
		"BigTIFF, absurd count":    {append([]byte("II+\x00\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00"), bytes.Repeat([]byte{0xff}, 40)...), ErrCorrupt, "within its directory"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Decode(c.data, Limits{})
			require.Nil(t, m)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.text)
			requireOurWords(t, err)
		})
	}
}
