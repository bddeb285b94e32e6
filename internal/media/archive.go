package media

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Limits of archives.
const (
	mostEntries  = 1_000_000 // images
	freeBytes    = 1 << 30   // that an archive may expand to, and in addition
	mostExpanded = 100       // times its own length. Photos expand to about their own length
)

func isArchive(name string) bool {
	name = strings.ToLower(name)
	for _, ending := range []string{".zip", ".tar", ".tar.gz", ".tgz"} {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

// archive is a zip or tar file, read in place. Its images are in the order of the archive. It must not be used concurrently.
type archive struct {
	path    string
	entries entries // open; nil if not
	at      int     // index of the entry that entries gives next
}

// entries gives the images of an archive.
type entries interface {
	// next returns the name of the next image and its content; io.EOF after the last. err of a function concerns the one image.
	next() (name string, content func() ([]byte, error), err error)
	close()
}

func (a *archive) open() (err error) {
	a.at = 0
	if strings.HasSuffix(strings.ToLower(a.path), ".zip") {
		a.entries, err = openZip(a.path)
	} else {
		a.entries, err = openTar(a.path)
	}
	return err
}

func (a *archive) close() {
	if a.entries != nil {
		a.entries.close()
		a.entries = nil
	}
}

// listArchive returns the images of an archive. If it is damaged behind some image, the last source is that error.
func listArchive(file string) (list []Source, err error) {
	a := &archive{path: file}
	if err := a.open(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer a.close()
	seen := map[string]bool{} // paths
	for {
		name, _, err := a.entries.next()
		if err == nil && len(list) == mostEntries {
			err = fmt.Errorf("more than %d images", mostEntries)
		}
		switch {
		case err == io.EOF && len(list) == 0:
			return nil, fmt.Errorf("%s: no images in the archive", file)
		case err == io.EOF:
			return list, nil
		case err != nil && len(list) == 0:
			return nil, fmt.Errorf("%s: %w", file, err)
		case err != nil:
			err = fmt.Errorf("%s: after %s: %w", file, strings.TrimPrefix(list[len(list)-1].Name, file+":"), err)
			return append(list, Source{Name: file, File: file, Path: file, err: err}), nil
		}
		s := a.source(name, len(list))
		if s.err == nil && seen[s.Path] {
			s.err = fmt.Errorf("%s: occurs twice in the archive, and the first one is taken", s.Name)
		}
		seen[s.Path] = true
		list = append(list, s)
	}
}

// source is the i-th image of the archive.
func (a *archive) source(name string, i int) Source {
	s := Source{Name: a.path + ":" + name, File: a.path, Folder: a.path, tape: a}
	clean := path.Clean(strings.ReplaceAll(name, `\`, "/"))
	s.Path = filepath.Join(a.path, filepath.FromSlash(clean))
	if !filepath.IsLocal(filepath.FromSlash(clean)) {
		s.Path, s.err = a.path, fmt.Errorf("%s: its name leaves the archive", s.Name)
		return s
	}
	s.read = func(context.Context) ([]byte, error) { return a.bytes(i) }
	return s
}

// bytes returns the content of the i-th image, and goes back to the beginning if the archive is behind it.
func (a *archive) bytes(i int) ([]byte, error) {
	if a.entries == nil || a.at > i {
		a.close()
		if err := a.open(); err != nil {
			return nil, err
		}
	}
	for {
		_, content, err := a.entries.next()
		if err == io.EOF {
			err = errors.New("the archive has changed")
		}
		if err != nil {
			return nil, err
		}
		if a.at++; a.at > i {
			return content()
		}
	}
}

// hidden reports whether a name or one of its folders begins with a dot, as the copies that macOS adds do.
func hidden(name string) bool {
	for part := range strings.SplitSeq(strings.ReplaceAll(name, `\`, "/"), "/") {
		if strings.HasPrefix(part, ".") && part != "." && part != ".." {
			return true
		}
	}
	return false
}

// zipFile gives the images of a zip file.
type zipFile struct {
	*zip.ReadCloser
	rest []*zip.File
}

func openZip(name string) (*zipFile, error) {
	z, err := zip.OpenReader(name)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		if of := new(os.PathError); errors.As(err, &of) {
			return nil, of.Err
		}
		return nil, errors.New("not a whole zip file: " + strings.TrimPrefix(err.Error(), "zip: "))
	}
	return &zipFile{z, z.File}, nil
}

func (z *zipFile) close() { z.Close() }

func (z *zipFile) next() (string, func() ([]byte, error), error) {
	for len(z.rest) > 0 {
		f := z.rest[0]
		if z.rest = z.rest[1:]; f.FileInfo().IsDir() || !isImage(f.Name) || hidden(f.Name) {
			continue
		}
		return f.Name, func() ([]byte, error) { return zipContent(f) }, nil
	}
	return "", nil, io.EOF
}

func zipContent(f *zip.File) ([]byte, error) {
	const encrypted = 1
	if f.Flags&encrypted != 0 {
		return nil, errors.New("is encrypted; unpack the archive first")
	}
	if !f.Mode().IsRegular() {
		return nil, errors.New("is a link in the archive, which is not followed")
	}
	r, err := f.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		return nil, fmt.Errorf("compression method %d is not supported; unpack the archive first", f.Method)
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readLimited(r)
}

// tarFile gives the images of a tar file.
type tarFile struct {
	*tar.Reader
	file *os.File
}

func openTar(name string) (*tarFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(errors.Unwrap(err), f.Close())
	}
	buffered := bufio.NewReaderSize(f, 1<<16)
	if head, _ := buffered.Peek(2); string(head) != "\x1f\x8b" {
		if info.Mode().IsRegular() { // what is not read is skipped
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return nil, errors.Join(errors.Unwrap(err), f.Close())
			}
			return &tarFile{tar.NewReader(f), f}, nil
		}
		return &tarFile{tar.NewReader(buffered), f}, nil
	}
	z, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("gzip: %w", err), f.Close())
	}
	return &tarFile{tar.NewReader(&expanding{z, freeBytes + mostExpanded*info.Size()}), f}, nil
}

func (t *tarFile) close() { t.file.Close() }

func (t *tarFile) next() (string, func() ([]byte, error), error) {
	for {
		h, err := t.Next()
		switch {
		case err == io.EOF:
			return "", nil, io.EOF
		case errors.Is(err, io.ErrUnexpectedEOF):
			return "", nil, errors.New("cut off")
		case err != nil && !errors.Is(err, tar.ErrInsecurePath):
			return "", nil, errors.New("not a whole tar file: " + err.Error())
		case h.Typeflag == tar.TypeDir || !isImage(h.Name) || hidden(h.Name):
			continue
		case h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse:
			return h.Name, func() ([]byte, error) { return nil, errors.New("is a link in the archive, which is not followed") }, nil
		}
		return h.Name, func() ([]byte, error) { return readLimited(t.Reader) }, nil
	}
}

// expanding is what a compressed file expands to, with an error where that exceeds a limit.
type expanding struct {
	io.Reader
	left int64
}

func (e *expanding) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if e.left -= int64(n); e.left < 0 {
		return 0, fmt.Errorf("expands to more than %d times its length", mostExpanded)
	}
	return n, err
}
