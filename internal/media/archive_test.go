package media

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// entry is a file of an archive.
type entry struct {
	name string
	data []byte
}

func zipped(t testing.TB, list ...entry) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range list {
		w, err := z.Create(e.name)
		require.NoError(t, err)
		_, err = w.Write(e.data)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

func tarred(t testing.TB, list ...entry) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range list {
		h := &tar.Header{Name: e.name, Size: int64(len(e.data)), Mode: 0o644, Typeflag: tar.TypeReg}
		if e.data == nil {
			h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/passwd"
		}
		require.NoError(t, w.WriteHeader(h))
		_, err := w.Write(e.data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(data)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func TestArchives(t *testing.T) {
	t.Chdir(t.TempDir())
	files := []entry{{"b/2.jpg", jpeg(t, 20)}, {"readme.txt", []byte("x")}, {"b/c/3.jpg", []byte("no image")}, {"__MACOSX/._1.jpg", []byte("x")}, {"1.jpg", jpeg(t, 21)}}
	bad := "error: A:b/c/3.jpg: unsupported image format: begins with 6e 6f 20 69 6d 61 67 65; known are JPEG, PNG, WebP, GIF, BMP and TIFF"
	all := "A:b/2.jpg 20|" + bad + "|A:1.jpg 21"
	const again = ": occurs twice in the archive, and the first one is taken|"
	twice := "A:1.jpg 21|error: A:1.jpg" + again + "error: A:./1.jpg" + again + "A:a/1.jpg 22"
	encrypted := zipped(t, files[0], files[4])
	for _, header := range []string{"PK\x03\x04", "PK\x01\x02"} { // the flags of the first file
		at := bytes.Index(encrypted, []byte(header))
		encrypted[at+map[string]int{"PK\x03\x04": 6, "PK\x01\x02": 8}[header]] |= 1
	}
	whole := tarred(t, files...)
	huge := zipped(t, entry{"huge.jpg", make([]byte, fileBytes+1)}, files[4])
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"a.zip":         {zipped(t, files...), all},
		"a.tar":         {whole, all},
		"a.tar.gz":      {gzipped(t, whole), all},
		"A.TGZ":         {gzipped(t, whole), all},
		"named.tar":     {gzipped(t, whole), all},
		"escape.zip":    {zipped(t, entry{"../x.jpg", jpeg(t, 9)}, entry{`..\y.jpg`, jpeg(t, 9)}, entry{"/z.jpg", jpeg(t, 9)}, files[4]), "error: A:../x.jpg: its name leaves the archive|error: A:..\\y.jpg: its name leaves the archive|error: A:/z.jpg: its name leaves the archive|A:1.jpg 21"},
		"escape.tar":    {tarred(t, entry{"a/../../x.jpg", jpeg(t, 9)}, files[4]), "error: A:a/../../x.jpg: its name leaves the archive|A:1.jpg 21"},
		"link.tar":      {tarred(t, entry{"x.jpg", nil}, files[4]), "error: A:x.jpg: is a link in the archive, which is not followed|A:1.jpg 21"},
		"twice.zip":     {zipped(t, files[4], entry{"1.jpg", jpeg(t, 9)}, entry{"./1.jpg", jpeg(t, 9)}, entry{"a/1.jpg", jpeg(t, 22)}), twice},
		"twice.tar":     {tarred(t, files[4], entry{"1.jpg", jpeg(t, 9)}, entry{"./1.jpg", jpeg(t, 9)}, entry{"a/1.jpg", jpeg(t, 22)}), twice},
		"encrypted.zip": {encrypted, "error: A:b/2.jpg: is encrypted; unpack the archive first|A:1.jpg 21"},
		"huge.zip":      {huge, "error: A:huge.jpg: image too large: 67108865 bytes, 67108864 are allowed|A:1.jpg 21"},
		"cut.tar":       {whole[:512+(len(files[0].data)+511)/512*512+100], "A:b/2.jpg 20|error: A: after b/2.jpg: cut off"},
		"cut.zip":       {huge[:1000], "refused: A: not a whole zip file: not a valid zip file"},
		"empty.zip":     {nil, "refused: A: not a whole zip file: not a valid zip file"},
		"none.zip":      {zipped(t), "refused: A: no images in the archive"},
		"text.tar":      {bytes.Repeat([]byte("text "), 1000), "refused: A: not a whole tar file: archive/tar: invalid tar header"},
		"text.tgz":      {[]byte("\x1f\x8btext"), "refused: A: gzip: unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, name, c.data)
			require.Equal(t, strings.ReplaceAll(c.want, "A:", name+":"), strings.Join(read(t, Options{}, name), "|"))
		})
	}
	t.Run("twice", func(t *testing.T) {
		require.Equal(t, strings.ReplaceAll(all+"|"+all, "A:", "a.tar:"), strings.Join(read(t, Options{}, "a.tar", "a.tar"), "|"))
	})
	t.Run("outputs stay in their folder", func(t *testing.T) {
		list, err := List(t.Context(), []string{"escape.zip", "a.zip"}, Options{})
		require.NoError(t, err)
		require.Equal(t, "a.zip/b/2.jpg", list[4].Path)
		for _, s := range list {
			require.True(t, filepath.IsLocal(s.Path), s.Path)
		}
	})
}

// In an archive an image cannot be read in parts. A file can, if its format allows it.
func TestTooLarge(t *testing.T) {
	t.Chdir(t.TempDir())
	large := jpeg(t, 20)
	frame := bytes.Index(large, []byte{0xff, 0xc0})
	require.Positive(t, frame)
	copy(large[frame+5:], []byte{7000 >> 8, 7000 & 0xff, 8000 >> 8, 8000 & 0xff}) // height and width
	write(t, "huge.jpg", large)
	write(t, "huge.zip", zipped(t, entry{"huge.jpg", large}, entry{"1.jpg", jpeg(t, 21)}))
	write(t, "huge.tar.gz", gzipped(t, tarred(t, entry{"huge.jpg", large}, entry{"1.jpg", jpeg(t, 21)})))
	heic := append([]byte("\x00\x00\x00\x0cftypheic\x00\x00\x00\x14ispe\x00\x00\x00\x00"), 0, 0, 8000>>8, 8000&0xff, 0, 0, 7000>>8, 7000&0xff)
	write(t, "huge.heic", heic)
	const why = "image too large: 8000x7000 is 56000000 pixels, 50000000 are allowed"
	for name, want := range map[string]string{
		"huge.zip":    "error: huge.zip:huge.jpg: JPEG: " + why + "; unpack the archive to read JPEG and TIFF in tiles|huge.zip:1.jpg 21",
		"huge.tar.gz": "error: huge.tar.gz:huge.jpg: JPEG: " + why + "; unpack the archive to read JPEG and TIFF in tiles|huge.tar.gz:1.jpg 21",
		"huge.heic":   "error: huge.heic: HEIF: " + why,
	} {
		require.Equal(t, want, strings.Join(read(t, Options{Large: true}, name), "|"))
		require.NotContains(t, strings.Join(read(t, Options{}, name), "|"), "tiles", "not asked for")
	}
	list, err := List(t.Context(), []string{"huge.jpg"}, Options{})
	require.NoError(t, err)
	for im := range Images(t.Context(), list, Options{Large: true}) {
		require.NoError(t, im.Err)
		require.True(t, im.Large())
	}
}

func FuzzArchives(f *testing.F) {
	f.Add(zipped(f, entry{"a.jpg", []byte("x")}), true)
	f.Add(tarred(f, entry{"a.jpg", []byte("x")}), false)
	f.Add(gzipped(f, tarred(f, entry{"a.jpg", []byte("x")})), false)
	f.Fuzz(func(t *testing.T, data []byte, isZip bool) {
		name := "x.tar"
		if isZip {
			name = "x.zip"
		}
		path := write(t, filepath.Join(t.TempDir(), name), data)
		list, err := List(t.Context(), []string{path}, Options{})
		if err != nil {
			return
		}
		n := 0
		for range Images(t.Context(), list, Options{}) {
			n++
		}
		require.Equal(t, len(list), n)
	})
}
