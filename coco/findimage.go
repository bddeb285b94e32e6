package coco

import (
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"scalenet/imaging"
)

// imageFinder finds the images that annotation files name by path or address. Files are relative to dir.
type imageFinder struct {
	dir    string
	listed bool
	files  []string
	byName map[string][]string // the last element of the path, in NFC
}

// newImageFinder searches a folder. files are its images, if they are known; else they are listed when they are needed.
func newImageFinder(dir string, files []string) *imageFinder {
	return &imageFinder{dir: dir, files: files, listed: files != nil}
}

// list lists the images of the folder.
func (f *imageFinder) list() ([]string, error) {
	if f.listed {
		return f.files, nil
	}
	found, err := imaging.Files(f.dir, imaging.IsImage)
	if err != nil {
		return nil, fmt.Errorf("images: %s: %w", f.dir, err)
	}
	f.files, f.listed = make([]string, 0, len(found)), true
	for _, file := range found {
		relative, err := filepath.Rel(f.dir, file)
		if err != nil {
			return nil, fmt.Errorf("images: %w", err)
		}
		f.files = append(f.files, relative)
	}
	return f.files, nil
}

// find returns the file of an image: the named path below the folder or its subfolder "images", or else the file whose path ends
// like the named one in most elements. Of several that do, the one in the folder of the split is taken. Backslashes are those of the
// file's name, or else slashes. A name that no file has is returned, so that those who need the file say where it is expected.
func (f *imageFinder) find(name, split string) (string, error) {
	missing := ""
	for _, spelled := range spellings(name) {
		local := strings.TrimPrefix(path.Clean("/"+filepath.ToSlash(spelled)), "/")
		if missing = filepath.FromSlash(local); local == "" {
			break
		}
		if file, err := f.spelled(local, split); file != "" || err != nil {
			return file, err
		}
	}
	if missing == "" {
		return "", fmt.Errorf("no name of an image")
	}
	return missing, nil
}

// spelled returns the file of an image with a name in one spelling, with slashes, or "".
func (f *imageFinder) spelled(name, split string) (string, error) {
	local := filepath.FromSlash(name)
	for _, file := range []string{local, filepath.Join("images", local)} {
		if isFile(filepath.Join(f.dir, file)) {
			return file, nil
		}
	}
	if _, err := f.list(); err != nil {
		return "", err
	}
	if f.byName == nil {
		f.byName = make(map[string][]string, len(f.files))
		for _, file := range f.files {
			base := norm.NFC.String(filepath.Base(file))
			f.byName[base] = append(f.byName[base], file)
		}
	}
	for _, base := range []string{path.Base(name), uploadedName(path.Base(name))} {
		found := longestEnd(f.byName[norm.NFC.String(base)], local)
		if len(found) > 1 && split != "" {
			found = slices.DeleteFunc(found, func(file string) bool { return splitOf(file) != split })
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return "", fmt.Errorf("it is unclear which image %s is: %s in %s", cut(name), cutList(found), f.dir)
		}
	}
	if absolute := string(filepath.Separator) + local; isFile(absolute) {
		return absolute, nil
	}
	return "", nil
}

// longestEnd returns the files whose paths share most elements with name, counted from the end.
func longestEnd(files []string, name string) (best []string) {
	if len(files) < 2 {
		return files
	}
	most := 0
	want := strings.Split(filepath.ToSlash(name), "/")
	for _, file := range files {
		n, have := 0, strings.Split(filepath.ToSlash(file), "/")
		for n < len(have) && n < len(want) && have[len(have)-1-n] == want[len(want)-1-n] {
			n++
		}
		if n > most {
			best, most = nil, n
		}
		if n == most {
			best = append(best, file)
		}
	}
	return best
}

// uploadedName drops what Label Studio puts before the name of an uploaded file: eight hexadecimal digits and a hyphen.
func uploadedName(name string) string {
	const digits = 8
	if len(name) > digits+1 && name[digits] == '-' && strings.Trim(name[:digits], "0123456789abcdef") == "" {
		return name[digits+1:]
	}
	return name
}

// addressedFile returns the path in the address of an image: that of http://, s3:// and others, of Label Studio's uploads
// (/data/upload/1/x.jpg, upload://1/x.jpg), and of its local files (/data/local-files/?d=x.jpg).
func addressedFile(address string) (string, error) {
	if strings.HasPrefix(address, "data:") {
		return "", fmt.Errorf("%s is an image as text, want the path or address of a file", cut(address[:min(len(address), maxShown)]))
	}
	local := strings.Contains(address, "/data/local-files/?")
	if !local && !strings.Contains(address, "://") {
		if rest, ok := strings.CutPrefix(address, "/data/upload/"); ok {
			address = rest
			if plain, err := url.PathUnescape(address); err == nil {
				address = plain
			}
		}
		return address, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("%s is not the address of an image", cut(address))
	}
	if !local {
		return strings.TrimPrefix(u.Path, "/data/upload/"), nil
	}
	file := u.Query().Get("d")
	if file == "" {
		return "", fmt.Errorf("%s: no d=FILE in the address", cut(address))
	}
	return file, nil
}
