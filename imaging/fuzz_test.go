package imaging

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzDecode is seeded with the files of testdata. Whatever the bytes: an image within the limits, the same when decoded
// again, or one of the three errors.
func FuzzDecode(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.*")
	for _, name := range names {
		if ext := filepath.Ext(name); ext == ".py" || ext == ".json" || ext == ".jsonl" {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	for _, c := range readMatrix(f) {
		f.Add(c.File)
	}
	limits := Limits{Bytes: 1 << 16, Side: 4096, Pixels: 1 << 18}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data, limits)
		if err != nil {
			requireOurWords(t, err)
			return
		}
		if m.W < 1 || m.H < 1 || m.W*m.H > limits.Pixels || len(m.Pix) != m.W*m.H*3 {
			t.Fatalf("%dx%d pixels in %d bytes", m.W, m.H, len(m.Pix))
		}
		if h, err := Inspect(data, limits); err != nil || h.Size.W != m.W || h.Size.H != m.H {
			t.Fatalf("inspected: %+v, %v; decoded: %dx%d", h, err, m.W, m.H)
		}
		dirty := bytes.Repeat([]byte{0xa5}, len(m.Pix)) // what a decoder that skips rows would show on the second try
		_, _ = (&Image{W: m.W, H: m.H, Pix: dirty}).Encode(".jpg")
		again, err := Decode(data, limits)
		if err != nil || !bytes.Equal(m.Pix, again.Pix) {
			t.Fatalf("decoded again: other pixels, or %v", err)
		}
	})
}

// FuzzInspect holds the sizes that are read without decoding against each other: Size looks at the beginning of a file only.
func FuzzInspect(f *testing.F) {
	for _, c := range readMatrix(f) {
		f.Add(c.File)
	}
	limits := Limits{Bytes: 1 << 20, Side: 4096, Pixels: 1 << 18}
	path := filepath.Join(f.TempDir(), "x")
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := Inspect(data, limits)
		if err != nil {
			requireOurWords(t, err)
			return
		}
		if h.Size.W < 1 || h.Size.H < 1 || h.Size.W*h.Size.H > limits.Pixels {
			t.Fatalf("%+v", h)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if size, err := Size(path, limits); err != nil || size != h.Size {
			t.Fatalf("size: %v, %v; inspected: %+v", size, err, h)
		}
	})
}

// FuzzOrientation reads EXIF and XMP of any bytes.
func FuzzOrientation(f *testing.F) {
	for _, c := range readMatrix(f) {
		if at := bytes.Index(c.File, []byte(exifPrefix)); at >= 0 {
			f.Add(c.File[at:min(len(c.File), at+200)], []byte(`tiff:Orientation="6"`))
		}
	}
	f.Fuzz(func(t *testing.T, exif, xmp []byte) {
		if o := (metadata{exif, xmp}).orientation(); o < 1 || o > 8 {
			t.Fatal(o)
		}
	})
}
