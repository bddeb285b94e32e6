package media

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"scalenet/imaging"
	"scalenet/internal/outbound"
	"scalenet/internal/video"
)

// Options of List and Images. The zero value has a default for each.
type Options struct {
	Without  func(files []string, dir string) []string // leaves out files that were found in a folder, such as outputs; nil for none
	Stdin    io.Reader                                 // for "-" and "@-"
	Private  bool                                      // addresses that are not public are allowed
	From, To time.Duration                             // part of each video; To 0 is its end
	Stride   int                                       // every Stride-th frame of a stream; 0 is 1

	Needed imaging.Needed // size at which images that are not frames are used, see Image.Whole; nil is the whole
	Large  bool           // files that are too large to be decoded at once are no errors, see Image.Large

	Ahead int         // number of images decoded ahead; 0 is 4
	Bytes int64       // bytes of pixels decoded ahead; 0 is 256 MiB. One image is always decoded
	Lost  func(error) // is told when a live source is lost and opened again; its calls may come from any goroutine

	silence time.Duration // time without data after which a connection of a video is cut; 0 is 10 s
}

// List expands arguments. A folder stands for all its images and those of its subfolders (imaging.Files), a pattern for the files that match it, an archive
// for its images, and @FILE for the sources in a file, one per line. It returns an error for an argument that does not exist or has no images. Of a line in a
// list this is an error of a source, because others of the list may be fine.
func List(ctx context.Context, arguments []string, o Options) (list []Source, err error) {
	l := lister{ctx: ctx, options: o}
	for _, a := range arguments {
		found, err := l.expand(a)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	if slices.ContainsFunc(list, func(s Source) bool { return s.Video }) {
		return list, video.Check()
	}
	return list, nil
}

type lister struct {
	ctx     context.Context
	options Options
	stdin   bool // used already
}

func (l *lister) expand(argument string) ([]Source, error) {
	switch {
	case argument == "-":
		if err := l.takeStdin(); err != nil {
			return nil, err
		}
		return []Source{standardInput(l.options)}, nil
	case strings.HasPrefix(argument, "@"):
		return l.lines(argument[1:])
	}
	return l.place(argument)
}

// place expands an argument that may be a line of a list.
func (l *lister) place(argument string) ([]Source, error) {
	if scheme, _, ok := strings.Cut(argument, "://"); ok && !strings.ContainsAny(scheme, `/\.`) {
		return l.address(argument)
	}
	if video.Device(argument) {
		return []Source{videoSource(argument, argument, filepath.Dir(argument), l.options, true)}, nil
	}
	info, err := os.Stat(argument)
	if errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(argument, "*?[{") {
		return l.pattern(argument)
	}
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return l.folder(argument)
	}
	folder, _ := filepath.Split(argument)
	return l.file(argument, folder)
}

// file expands a file that is not a folder.
func (l *lister) file(path, folder string) ([]Source, error) {
	switch {
	case isArchive(path):
		return listArchive(path)
	case isVideo(path):
		return []Source{videoSource(path, path, folder, l.options, false)}, nil
	}
	return []Source{file(path, folder)}, nil
}

func (l *lister) folder(path string) (list []Source, err error) {
	files, err := imaging.Files(path, isImage)
	if err != nil {
		return nil, err
	}
	files = l.left(files, path)
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no images in the folder (%s)", path, strings.Join(imaging.Extensions(), ", "))
	}
	for _, f := range files {
		list = append(list, file(f, path))
	}
	return list, nil
}

// pattern expands a pattern as a shell would, with ** for any folders. Hidden files and those that are no images, videos or archives do not match.
func (l *lister) pattern(pattern string) (list []Source, err error) {
	base, _ := doublestar.SplitPattern(filepath.ToSlash(pattern))
	found, err := doublestar.FilepathGlob(pattern, doublestar.WithFilesOnly(), doublestar.WithNoHidden(), doublestar.WithNoFollow())
	if errors.Is(err, doublestar.ErrBadPattern) {
		return nil, fmt.Errorf("%s: not a valid pattern: a bracket or brace is not closed", pattern)
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(found)
	found = slices.DeleteFunc(found, func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.IsDir() || !isImage(path) && !isVideo(path) && !isArchive(path)
	})
	found = l.left(found, base)
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no image, video or archive matches", pattern)
	}
	for _, path := range found {
		more, err := l.file(path, base)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

// lines expands a list: a source per line. Empty lines are skipped.
func (l *lister) lines(path string) (list []Source, err error) {
	var r io.Reader
	name := path
	if path == "-" {
		if err := l.takeStdin(); err != nil {
			return nil, err
		}
		r, name = l.options.Stdin, "standard input"
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		line := string(bytes.TrimRight(bytes.TrimPrefix(lines.Bytes(), []byte("\ufeff")), "\r"))
		if strings.TrimSpace(line) == "" {
			continue
		}
		if strings.ContainsRune(line, 0) {
			return nil, fmt.Errorf("%s: line %d: is not text; want one source per line", name, number)
		}
		found, err := l.place(line)
		if err != nil {
			found = []Source{{Name: line, Path: line, err: fmt.Errorf("%s: line %d: %w", name, number, err)}}
		}
		list = append(list, found...)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: no sources in the list", name)
	}
	return list, nil
}

func (l *lister) takeStdin() error {
	if l.stdin {
		return errors.New("standard input can be read only once")
	}
	l.stdin = true
	return nil
}

func (o Options) check() func(netip.AddrPort) error {
	if o.Private {
		return outbound.Any
	}
	return outbound.Public
}

// left returns the files of a folder that are not left out.
func (l *lister) left(files []string, dir string) []string {
	if l.options.Without == nil {
		return files
	}
	return l.options.Without(files, dir)
}
