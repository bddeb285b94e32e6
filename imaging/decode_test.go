package imaging

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

func readJSON(t testing.TB, name string, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(read(t, name), into), name)
}

// rgb returns the image's bytes in the order that Pillow has them.
func rgb(m *Image) []uint8 {
	out := bytes.Clone(m.Pix)
	for i := 0; i < len(out); i += 3 {
		out[i], out[i+2] = out[i+2], out[i]
	}
	return out
}

// furthest returns the largest difference between two samples.
func furthest(a, b []uint8) int {
	worst := 0
	for i := range a {
		worst = max(worst, int(a[i])-int(b[i]), int(b[i])-int(a[i]))
	}
	return worst
}

// TestDecodeEqualsPillow compares with what Pillow shows: orientation applied, alpha dropped.
func TestDecodeEqualsPillow(t *testing.T) {
	var golden map[string]struct {
		W, H int
		RGB  string
	}
	readJSON(t, "decoded.json", &golden)
	require.Greater(t, len(golden), 40)
	for name, want := range golden {
		t.Run(name, func(t *testing.T) {
			got, err := Load(filepath.Join("testdata", name), Limits{})
			require.NoError(t, err)
			require.Equal(t, [2]int{want.W, want.H}, [2]int{got.W, got.H})
			pixels, err := hex.DecodeString(want.RGB)
			require.NoError(t, err)
			tolerance := 0
			switch {
			case name == "cmyk.jpg": // a formula in integers against one in floating point
				tolerance = 4
			case name == "lossy.webp", filepath.Ext(name) == ".jpg": // versions of libjpeg and libwebp round differently
				tolerance = 2
			}
			assert.LessOrEqual(t, furthest(rgb(got), pixels), tolerance)
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	jpeg, png, webp := read(t, "baseline.jpg"), read(t, "rgb.png"), read(t, "rgb.webp")
	edit := func(data []byte, at int, with ...byte) []byte {
		data = bytes.Clone(data)
		copy(data[at:], with)
		return data
	}
	frame := bytes.Index(jpeg, []byte{0xff, 0xc0})
	scan := bytes.Index(jpeg, []byte{0xff, 0xda})
	manyScans := append(bytes.Clone(jpeg[:len(jpeg)-2]), bytes.Repeat(jpeg[scan:scan+14], 70)...)
	manyScans = append(manyScans, 0xff, 0xd9)

	for _, c := range []struct {
		name   string
		data   []byte
		limits Limits
		want   error
		text   string
	}{
		{"nothing", nil, Limits{}, ErrCorrupt, "no data"},
		{"one byte", []byte{0xff}, Limits{}, ErrUnsupported, "begins with ff"},
		{"text", []byte("hello, world"), Limits{}, ErrUnsupported, "68 65 6c 6c"},
		{"AVIF", []byte("\x00\x00\x00\x20ftypavif"), Limits{}, ErrUnsupported, "known are JPEG"},
		{"too many bytes", png, Limits{Bytes: 50}, ErrTooLarge, "50 are allowed"},
		{"side", read(t, "4000x20.png"), Limits{Side: 3999}, ErrTooLarge, "4000x20 pixels, a side may have 3999"},
		{"pixels", png, Limits{Pixels: 383}, ErrTooLarge, "24x16 is 384 pixels, 383 are allowed"},
		{"bomb", read(t, "huge.png"), Limits{}, ErrTooLarge, "30000x30000"},
		{"bomb within the side", read(t, "huge.png"), Limits{Side: 40000}, ErrTooLarge, "900000000 pixels"},
		{"bomb of 2^62 pixels", read(t, "huger.png"), Limits{}, ErrTooLarge, "2147483647"},

		{"JPEG of two bytes more", jpeg[:4], Limits{}, ErrCorrupt, "cut off after 4 bytes"},
		{"JPEG without end", jpeg[:len(jpeg)-2], Limits{}, ErrCorrupt, "before its end-of-image marker"},
		{"JPEG of no scan", append(bytes.Clone(jpeg[:scan]), 0xff, 0xd9), Limits{}, ErrCorrupt, "no scan"},
		{"JPEG, scan first", append([]byte{0xff, 0xd8, 0xff, 0xda, 0, 2}, jpeg[scan:]...), Limits{}, ErrCorrupt, "a scan before the frame header"},
		{"JPEG, two starts", edit(jpeg, 2, 0xff, 0xd8), Limits{}, ErrCorrupt, "second start-of-image"},
		{"JPEG, segment of length 1", edit(jpeg, 4, 0, 1), Limits{}, ErrCorrupt, "has length 1"},
		{"JPEG, two frames", append(bytes.Clone(jpeg[:scan]), jpeg[frame:]...), Limits{}, ErrCorrupt, "second frame header"},
		{"JPEG of no height", edit(jpeg, frame+5, 0, 0), Limits{}, ErrCorrupt, "24x0"},
		{"JPEG of 12 bits", edit(jpeg, frame+4, 12), Limits{}, ErrUnsupported, "12 bits"},
		{"JPEG of 2 components", edit(jpeg, frame+9, 2), Limits{}, ErrUnsupported, "2 components"},
		{"JPEG, lossless", edit(jpeg, frame+1, 0xc3), Limits{}, ErrUnsupported, "0xc3"},
		{"JPEG, arithmetic", edit(jpeg, frame+1, 0xc9), Limits{}, ErrUnsupported, "0xc9"},
		{"JPEG of 71 scans", manyScans, Limits{}, ErrTooLarge, "more than 64 scans"},
		{"JPEG of 65500x65500", edit(jpeg, frame+5, 0xff, 0xdc, 0xff, 0xdc), Limits{}, ErrTooLarge, "65500x65500"},

		{"PNG, signature only", png[:8], Limits{}, ErrCorrupt, "cut off after 8 bytes"},
		{"PNG, changed size", edit(png, 16, 0, 0, 0, 25), Limits{}, ErrCorrupt, "wrong checksum"},
		{"PNG, changed pixel", edit(png, 60, png[60]^1), Limits{}, ErrCorrupt, "wrong checksum"},
		{"PNG without header", append(bytes.Clone(png[:8]), png[33:]...), Limits{}, ErrCorrupt, "IHDR must be first"},
		{"WebP, longer than the file", edit(webp, 4, 0xff, 0xff), Limits{}, ErrCorrupt, "declares 65"},
		{"WebP, container only", edit(webp[:12], 4, 4, 0, 0, 0), Limits{}, ErrCorrupt, "no image"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Decode(c.data, c.limits)
			require.Nil(t, m)
			require.ErrorIs(t, err, c.want)
			assert.Contains(t, err.Error(), c.text)
		})
	}
}

// TestDecodeCutOff cuts every file after every byte: what is left is refused, or is the whole image (what was cut off was
// trailing).
func TestDecodeCutOff(t *testing.T) {
	for _, name := range []string{"baseline.jpg", "progressive.jpg", "cmyk.jpg", "rgb.png", "rgb.webp", "lossy.webp", "frame.gif", "rgb.bmp", "rgb.tiff"} {
		data := read(t, name)
		whole, err := Decode(data, Limits{})
		require.NoError(t, err)
		for n := range data {
			m, err := Decode(data[:n], Limits{})
			if err == nil {
				require.Equal(t, whole, m, "%s cut off after %d of %d bytes", name, n, len(data))
			}
		}
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cut.jpg")
	require.NoError(t, os.WriteFile(path, read(t, "baseline.jpg")[:300], 0o644))
	_, err := Load(path, Limits{})
	require.ErrorIs(t, err, ErrCorrupt)
	assert.True(t, strings.HasPrefix(err.Error(), path+": JPEG: corrupt image: cut off after 300 bytes"), err)

	_, err = Load("testdata/absent.jpg", Limits{})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Load("testdata/rgb.png", Limits{Bytes: 10})
	require.ErrorIs(t, err, ErrTooLarge)
	pipe := filepath.Join(t.TempDir(), "pipe.png")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, path := range []string{"testdata", pipe, os.DevNull} {
		_, err = Load(path, Limits{})
		require.EqualError(t, err, path+": not a regular file")
		_, err = Size(path, Limits{})
		require.EqualError(t, err, path+": not a regular file")
	}
}

// TestDecodeConcurrently decodes good and bad files in 16 goroutines: each gets the result that its file has alone.
func TestDecodeConcurrently(t *testing.T) {
	type result struct {
		data []byte
		m    *Image
		text string
	}
	text := func(err error) string { return fmt.Sprint(err) }
	var alone []result
	for _, name := range []string{"baseline.jpg", "rgb.png", "rgb.webp", "frame.gif", "cmyk.jpg", "huge.png", "animated.webp", "orientation6.jpg"} {
		data := read(t, name)
		for _, data := range [][]byte{data, data[:len(data)*2/3]} {
			m, err := Decode(data, Limits{})
			alone = append(alone, result{data, m, text(err)})
		}
	}
	var group errgroup.Group
	for worker := range 16 {
		group.Go(func() error {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 100 {
				want := alone[random.IntN(len(alone))]
				m, err := Decode(want.data, Limits{})
				if text(err) != want.text {
					return fmt.Errorf("%v instead of %v", err, want.text)
				}
				if m != nil && !bytes.Equal(m.Pix, want.m.Pix) {
					return errors.New("another image's pixels")
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
}

// residentBytes reads the process's resident memory; it skips the test where /proc is absent.
func residentBytes(t *testing.T) int {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("resident memory is read from /proc: ", err)
	}
	var size, resident int
	_, err = fmt.Sscan(string(data), &size, &resident)
	require.NoError(t, err)
	return resident * os.Getpagesize()
}

// TestMatsAreClosed decodes, resizes and encodes until a leaked Mat or buffer a round would show.
func TestMatsAreClosed(t *testing.T) {
	large, err := New(640, 480).Encode(".jpg")
	require.NoError(t, err)
	png, err := New(640, 480).Encode(".png")
	require.NoError(t, err)
	broken := bytes.Clone(large)
	binary.BigEndian.PutUint16(broken[bytes.Index(broken, []byte{0xff, 0xc4})+2:], 20) // a Huffman table that is cut short
	round := func(n int) {
		for range n {
			m, err := Decode(large, Limits{})
			require.NoError(t, err)
			_, err = m.Resize(320, 240)
			require.NoError(t, err)
			_, err = Decode(png, Limits{})
			require.NoError(t, err)
			_, err = m.Encode(".jpg")
			require.NoError(t, err)
			_, err = Decode(broken, Limits{})
			require.Error(t, err)
		}
	}
	round(30)
	before := residentBytes(t)
	round(150) // 0.9 MB each: a leak would be above 130 MB
	assert.Less(t, residentBytes(t)-before, 40<<20)
}
