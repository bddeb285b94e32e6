package classify

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ulikunitz/xz"
	"scalenet/imaging"
)

// The size of a CIFAR image in pixels, and the bytes of one colour plane and of an
// image: a red, a green and a blue plane.
const (
	cifarSize   = 32
	cifarPlane  = cifarSize * cifarSize
	cifarPixels = 3 * cifarPlane
)

// maxCIFAR is the maximum size of a file in bytes. The largest file of CIFAR-100 has
// 154 MB.
const maxCIFAR = 1 << 29

// cifarVersion describes the binary version of CIFAR-10 or CIFAR-100.
type cifarVersion struct {
	classes     int
	labels      int // label bytes at the start of a record; the last is used
	names       string
	train, test []string
}

func cifarVersions() []cifarVersion {
	ten := cifarVersion{classes: 10, labels: 1, names: "batches.meta.txt", test: []string{"test_batch.bin"}}
	for i := 1; i <= 5; i++ {
		ten.train = append(ten.train, fmt.Sprintf("data_batch_%d.bin", i))
	}
	return []cifarVersion{
		{classes: 100, labels: 2, names: "fine_label_names.txt", train: []string{"train.bin"}, test: []string{"test.bin"}}, // coarse, fine
		ten,
	}
}

func (v cifarVersion) files(part string) []string {
	if part == Train {
		return v.train
	}
	return v.test
}

// cifarFolder returns the path of CIFAR's files: the folder itself, or a folder or
// archive cifar-* in it. It returns "" if there are none.
func cifarFolder(folder string) (string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", err
	}
	holds := func(folder string) bool {
		for _, v := range cifarVersions() {
			for _, name := range append(v.files(Train), v.files(Test)...) {
				if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
					return true
				}
			}
		}
		return false
	}
	if holds(folder) {
		return folder, nil
	}
	for _, e := range entries {
		inside := filepath.Join(folder, e.Name())
		switch {
		case e.IsDir() && strings.HasPrefix(e.Name(), "cifar-") && holds(inside):
			return inside, nil
		case !e.IsDir() && strings.HasPrefix(e.Name(), "cifar-") && isArchive(e.Name()):
			return inside, nil
		}
	}
	return "", nil
}

// openCIFAR reads a part from a folder of files or from an archive.
func openCIFAR(from, part string) (*Dataset, error) {
	read := readFolder
	if isArchive(from) {
		read = readArchive
	}
	wanted := map[string]bool{}
	for _, v := range cifarVersions() {
		for _, name := range append(v.files(part), v.names) {
			wanted[name] = true
		}
	}
	files, err := read(from, wanted)
	if err != nil {
		return nil, err
	}
	for _, v := range cifarVersions() {
		if _, ok := files[v.files(part)[0]]; ok {
			return v.dataset(from, part, files)
		}
	}
	return nil, fmt.Errorf("%s: no CIFAR files for %s in it", from, part)
}

func readFolder(folder string, wanted map[string]bool) (map[string][]byte, error) {
	files := map[string][]byte{}
	for name := range wanted {
		f, err := os.Open(filepath.Join(folder, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files[name], err = readAll(f, f.Name())
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

func readArchive(archive string, wanted map[string]bool) (map[string][]byte, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	packed, plain := bufio.NewReaderSize(f, 1<<20), io.Reader(nil)
	if strings.HasSuffix(archive, ".xz") {
		plain, err = xz.NewReader(packed)
	} else {
		plain, err = gzip.NewReader(packed)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", archive, err)
	}
	files := map[string][]byte{}
	for entries := tar.NewReader(plain); !complete(files); {
		entry, err := entries.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", archive, err)
		}
		name := path.Base(entry.Name)
		if entry.Typeflag != tar.TypeReg || !wanted[name] {
			continue
		}
		if files[name], err = readAll(entries, archive+": "+entry.Name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// complete reports whether the class names and all files of a split are read, so that
// the rest of the archive need not be decompressed.
func complete(files map[string][]byte) bool {
	there := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return files[name] == nil })
	}
	return slices.ContainsFunc(cifarVersions(), func(v cifarVersion) bool {
		return there(v.names) && (there(v.train...) || there(v.test...))
	})
}

func readAll(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxCIFAR+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > maxCIFAR {
		return nil, fmt.Errorf("%s: more than %d MB", name, maxCIFAR>>20)
	}
	return data, nil
}

// cifarRecords has images as records of CIFAR files.
type cifarRecords struct {
	pixels [][]byte // per image
	names  []string // file and record index, such as "train.bin[7]"
}

func (c *cifarRecords) name(i int) string { return c.names[i] }

// load converts a record from colour planes to BGR pixels.
func (c *cifarRecords) load(i int) (*imaging.Image, error) {
	m, p := imaging.New(cifarSize, cifarSize), c.pixels[i]
	for at := range cifarPlane {
		m.Pix[3*at], m.Pix[3*at+1], m.Pix[3*at+2] = p[2*cifarPlane+at], p[cifarPlane+at], p[at]
	}
	return m, nil
}

// dataset splits the files of a split into records.
func (v cifarVersion) dataset(from, part string, files map[string][]byte) (*Dataset, error) {
	d, records := &Dataset{Path: from}, &cifarRecords{}
	d.images = records
	for _, name := range v.files(part) {
		data, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("%s: %s is missing", from, name)
		}
		size := v.labels + cifarPixels
		if len(data) == 0 || len(data)%size != 0 {
			return nil, fmt.Errorf("%s: %s has %d bytes, not a multiple of the record size %d: it is truncated", from, name, len(data), size)
		}
		for i := 0; i < len(data); i += size {
			label := data[i+v.labels-1]
			where := fmt.Sprintf("%s[%d]", name, i/size)
			if int(label) >= v.classes {
				return nil, fmt.Errorf("%s: %s: label %d, want less than %d", from, where, label, v.classes)
			}
			d.Labels = append(d.Labels, int32(label))
			records.pixels = append(records.pixels, data[i+v.labels:i+size])
			records.names = append(records.names, where)
		}
	}
	for line := range bytes.Lines(files[v.names]) {
		if name := string(bytes.TrimSpace(line)); name != "" {
			d.Classes = append(d.Classes, name)
		}
	}
	if d.Classes == nil { // no file with class names
		for i := range v.classes {
			d.Classes = append(d.Classes, strconv.Itoa(i))
		}
	}
	if len(d.Classes) != v.classes {
		return nil, fmt.Errorf("%s: %s has %d names, want %d", from, v.names, len(d.Classes), v.classes)
	}
	return d, nil
}
