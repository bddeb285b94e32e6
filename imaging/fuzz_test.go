package imaging

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzDecode is seeded with the files of testdata. Whatever the bytes: a picture within the limits, the same when decoded
// again, or one of the three errors.
func FuzzDecode(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.*")
	for _, name := range names {
		if ext := filepath.Ext(name); ext == ".py" || ext == ".json" {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	limits := Limits{Bytes: 1 << 16, Side: 4096, Pixels: 1 << 18}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data, limits)
		if err != nil {
			if !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("an error of no kind: %v", err)
			}
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
