package classify

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"
	"scalenet/imaging"
)

// cifarFile has n records of CIFAR-100 (two labels) or CIFAR-10 (one): record i
// is of class i modulo classes, its pixel p has the values of pixel(i, p).
func cifarFile(n, labels, classes int) []byte {
	var b bytes.Buffer
	for i := range n {
		if labels == 2 {
			b.WriteByte(7) // the coarse label counts for nothing
		}
		b.WriteByte(byte(i % classes))
		for plane := range 3 {
			for p := range cifarPlane {
				b.WriteByte(pixel(i, p, plane))
			}
		}
	}
	return b.Bytes()
}

// pixel gives classes that can be told apart: stripes of a direction and a colour.
func pixel(record, p, plane int) byte {
	x, y := p%cifarSize, p/cifarSize
	stripe := (x*(record%3) + y*(record%2) + plane*5 + record) % 8
	return byte(16 + 24*stripe + 11*(record%5)*(1+plane)%40)
}

func names(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "class_%d\n", i)
	}
	b.WriteString("\n")
	return b.Bytes()
}

// cifar100 is the files of a small CIFAR-100.
func cifar100(train, test int) map[string][]byte {
	return map[string][]byte{
		"train.bin": cifarFile(train, 2, 100), "test.bin": cifarFile(test, 2, 100), "fine_label_names.txt": names(100),
	}
}

func writeFiles(t testing.TB, folder string, files map[string][]byte) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(folder, 0o755))
	for name, data := range files {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), data, 0o644))
	}
	return folder
}

func writeArchive(t testing.TB, path string, files map[string][]byte) string {
	t.Helper()
	var plain, packed bytes.Buffer
	w := tar.NewWriter(&plain)
	for name, data := range files {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: "cifar/" + name, Mode: 0o644, Size: int64(len(data))}))
		_, err := w.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	if filepath.Ext(path) == ".xz" {
		x, err := xz.NewWriter(&packed)
		require.NoError(t, err)
		_, err = x.Write(plain.Bytes())
		require.NoError(t, err)
		require.NoError(t, x.Close())
	} else {
		g := gzip.NewWriter(&packed)
		_, err := g.Write(plain.Bytes())
		require.NoError(t, err)
		require.NoError(t, g.Close())
	}
	require.NoError(t, os.WriteFile(path, packed.Bytes(), 0o644))
	return path
}

func TestOpenCIFAR(t *testing.T) {
	hundred := cifar100(120, 30)
	ten := map[string][]byte{"test_batch.bin": cifarFile(11, 1, 10), "batches.meta.txt": names(10)}
	for i := 1; i <= 5; i++ {
		ten[fmt.Sprintf("data_batch_%d.bin", i)] = cifarFile(10+i, 1, 10)
	}
	dir := t.TempDir()
	above := filepath.Join(dir, "above")
	writeFiles(t, filepath.Join(above, "cifar-100-binary"), hundred)
	beside := filepath.Join(dir, "beside")
	require.NoError(t, os.Mkdir(beside, 0o755))
	writeArchive(t, filepath.Join(beside, "cifar-100-binary.tar.gz"), hundred)
	for _, c := range []struct {
		name, path         string
		train, test, count int
	}{
		{"folder of 100", writeFiles(t, filepath.Join(dir, "hundred"), hundred), 120, 30, 100},
		{"folder above it", above, 120, 30, 100},
		{"folder with the archive", beside, 120, 30, 100},
		{"tar.gz", writeArchive(t, filepath.Join(dir, "c.tar.gz"), hundred), 120, 30, 100},
		{"tar.xz", writeArchive(t, filepath.Join(dir, "c.tar.xz"), hundred), 120, 30, 100},
		{"folder of 10", writeFiles(t, filepath.Join(dir, "ten"), ten), 11 + 12 + 13 + 14 + 15, 11, 10},
		{"tgz of 10", writeArchive(t, filepath.Join(dir, "ten.tgz"), ten), 65, 11, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			for part, n := range map[string]int{Train: c.train, Test: c.test} {
				d, err := Open(c.path, part)
				require.NoError(t, err)
				require.Equal(t, n, d.Len())
				require.Len(t, d.Classes, c.count)
				require.Equal(t, "class_3", d.Classes[3])
				require.Equal(t, int32(7), d.Labels[7])
				m, err := d.Image(7)
				require.NoError(t, err)
				for p := range cifarPlane { // BGR in memory, planes of RGB in the file
					require.Equal(t, []byte{pixel(7, p, 2), pixel(7, p, 1), pixel(7, p, 0)}, m.Pix[3*p:3*p+3])
				}
			}
		})
	}
}

func TestCorruptCIFAR(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(files map[string][]byte)
		want   string
	}{
		{"cut off", func(f map[string][]byte) { f["train.bin"] = f["train.bin"][:5000] }, "train.bin has 5000 bytes, not a multiple of the record size 3074"},
		{"empty", func(f map[string][]byte) { f["train.bin"] = nil }, "train.bin has 0 bytes"},
		{"label", func(f map[string][]byte) { f["train.bin"][3074+1] = 100 }, "train.bin[1]: label 100, want less than 100"},
		{"names", func(f map[string][]byte) { f["fine_label_names.txt"] = names(99) }, "fine_label_names.txt has 99 names, want 100"},
		{"no training part", func(f map[string][]byte) { delete(f, "train.bin") }, "no CIFAR files for train"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := cifar100(3, 3)
			c.change(files)
			_, err := Open(writeFiles(t, t.TempDir(), files), Train)
			require.ErrorContains(t, err, c.want)
		})
	}
	dir := t.TempDir()
	archive := writeArchive(t, filepath.Join(dir, "c.tar.gz"), cifar100(30, 3))
	data, err := os.ReadFile(archive)
	require.NoError(t, err)
	for _, ending := range []string{".tar.gz", ".tar.xz"} {
		cut := filepath.Join(dir, "cut"+ending)
		require.NoError(t, os.WriteFile(cut, data[:len(data)/2], 0o644))
		_, err = Open(cut, Train)
		require.ErrorContains(t, err, cut)
	}
	other := filepath.Join(dir, "other.bin")
	require.NoError(t, os.WriteFile(other, []byte("x"), 0o644))
	_, err = Open(other, Train)
	require.ErrorContains(t, err, "want a folder of images, or an archive")
	_, err = Open(filepath.Join(dir, "absent"), Train)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// imagesIn writes n images a class, each of a colour, as files.
func imagesIn(t testing.TB, folder string, n int, classes ...string) string {
	t.Helper()
	for k, class := range classes {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, class), 0o755))
		for i := range n {
			m := imaging.New(40+i, 30+2*k)
			for at := range m.Pix {
				m.Pix[at] = byte(60*k + at%3*40)
			}
			require.NoError(t, m.Save(filepath.Join(folder, class, fmt.Sprintf("%02d.png", i))))
		}
	}
	return folder
}

func TestOpenFolder(t *testing.T) {
	dir := t.TempDir()
	imagesIn(t, filepath.Join(dir, "train"), 3, "b", "a")
	imagesIn(t, filepath.Join(dir, "val"), 2, "a", "b")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "train", "a", "notes.txt"), []byte("x"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "train", "a", "._00.png"), []byte("x"), 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "train", ".cache"), 0o755))
	train, err := Open(dir, Train)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, train.Classes)
	require.Equal(t, []int32{0, 0, 0, 1, 1, 1}, train.Labels)
	require.Equal(t, filepath.Join(dir, "train", "b", "01.png"), train.Name(4))
	test, err := Open(dir, Test)
	require.NoError(t, err)
	require.Equal(t, 4, test.Len())
	itself, err := Open(filepath.Join(dir, "val"), Train)
	require.NoError(t, err)
	require.Equal(t, 4, itself.Len())

	_, err = Open(t.TempDir(), Train)
	require.ErrorContains(t, err, "no class folders")
	empty := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(empty, "a"), 0o755))
	_, err = Open(empty, Train)
	require.ErrorContains(t, err, "no images in the folders of its 1 classes")
}

// A class may be a link to a folder, have subfolders, and links in a loop.
func TestOpenFolderByLinks(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	imagesIn(t, out, 2, "x")
	imagesIn(t, filepath.Join(dir, "b"), 1, "sub")
	require.NoError(t, os.Symlink(filepath.Join(out, "x"), filepath.Join(dir, "a")))
	require.NoError(t, os.Symlink(out, filepath.Join(dir, "b", "more")))
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "b", "loop")))
	d, err := Open(dir, Train)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, d.Classes)
	require.Equal(t, []int32{0, 0, 1, 1, 1}, d.Labels)
	for i := range d.Len() {
		_, err := d.Image(i)
		require.NoError(t, err)
	}
}

// Any bytes give an error that names the file, or a data set whose images load.
func FuzzCIFAR(f *testing.F) {
	f.Add(cifarFile(2, 2, 100), names(100))
	f.Add(cifarFile(1, 2, 100)[:3000], []byte{})
	f.Add([]byte{}, names(3))
	f.Fuzz(func(t *testing.T, data, names []byte) {
		d, err := cifarVersions()[0].dataset("fuzzed", Train, map[string][]byte{"train.bin": data, "fine_label_names.txt": names})
		if err != nil {
			require.Contains(t, err.Error(), "fuzzed")
			return
		}
		for i := range d.Len() {
			require.Less(t, d.Labels[i], int32(len(d.Classes)))
			_, err := d.Image(i)
			require.NoError(t, err)
		}
	})
}
