package imaging

import (
	"errors"
	"fmt"
	"image"
	"io"
	"iter"
	"os"

	"scalenet/geom"
)

// Strips reads the parts of a picture in one pass from its first row to its last. Of a picture in a file it holds only the rows that the next parts
// need, so that memory is bounded for pictures of any height. The caller must Close it.
type Strips struct {
	whole       *Image    // of a picture in memory, else nil
	rows        rowReader // of a picture in a file
	stored      geom.Size
	orientation int
	file        *os.File

	reduced *reduction
}

// rowReader reads a picture row by row, without applying its orientation.
type rowReader interface {
	// next reads the next row as BGR bytes. After the last row, finish checks the end of the file.
	next(bgr []byte) error
	finish() error
	close()
}

// The limits of pictures that are read in strips. A row of the widest one is 384 KiB.
func stripLimits() Limits { return Limits{Bytes: 1 << 40, Side: 1 << 17, Pixels: 1 << 34} }

// Strips returns a reader of a picture in memory. Its parts are copies.
func (m *Image) Strips() *Strips {
	return &Strips{whole: m, stored: geom.Size{W: m.W, H: m.H}, orientation: 1}
}

// OpenStrips opens a file. A picture within the limits is decoded as by Load. A larger one is read in strips if it is a TIFF or a JPEG, otherwise the
// error is Load's. Errors name the file.
func OpenStrips(path string, limits Limits) (*Strips, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err // names the path already
	}
	if info.Size() > int64(limits.orDefault().Bytes) {
		if s, err := openLarge(path, nil); s != nil || err != nil {
			return s, err
		}
	}
	m, err := Load(path, limits)
	if err == nil {
		return m.Strips(), nil
	}
	if !errors.Is(err, ErrTooLarge) {
		return nil, err
	}
	return openLarge(path, err)
}

// openLarge opens a file to be read in strips. If its format has no reader of rows, the error is otherwise.
func openLarge(path string, otherwise error) (*Strips, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s, err := openFile(f)
	if s != nil {
		return s, nil
	}
	f.Close()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return nil, otherwise
}

func openFile(f *os.File) (*Strips, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s, err := newStrips(f, info.Size(), stripLimits())
	if s != nil {
		s.file = f
	}
	return s, err
}

// newStrips returns nil if the file's format has no reader of rows.
func newStrips(from io.ReaderAt, size int64, limits Limits) (*Strips, error) {
	head := make([]byte, min(16, size))
	if _, err := from.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	}
	name, open := stripsFormat(head)
	if open == nil {
		return nil, nil
	}
	rows, h, err := open(from, size, limits)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Strips{rows: rows, stored: geom.Size{W: h.w, H: h.h}, orientation: h.orientation}, nil
}

// stripsFormat returns the reader of rows for a file from its first bytes.
func stripsFormat(head []byte) (name string, open func(from io.ReaderAt, size int64, limits Limits) (rowReader, header, error)) {
	for _, f := range formats() {
		if f.rows != nil && f.begins(head) {
			return f.name, f.rows
		}
	}
	return "", nil
}

// Close closes the file.
func (s *Strips) Close() error {
	if s.rows != nil {
		s.rows.close()
	}
	if s.file != nil {
		return s.file.Close()
	}
	return nil
}

// Size returns the size of the picture after applying the EXIF orientation.
func (s *Strips) Size() geom.Size {
	if s.orientation >= 5 {
		return geom.Size{W: s.stored.H, H: s.stored.W}
	}
	return s.stored
}

// Streamed reports whether the picture is read from its file, and not in memory.
func (s *Strips) Streamed() bool { return s.whole == nil }

// Reduce makes Parts also compute the picture at 1/factor of its width and height, rounded up, as means of factor x factor pixels. Call it before Parts.
// A picture in memory is not reduced.
func (s *Strips) Reduce(factor int) {
	if s.whole == nil {
		s.reduced = newReduction(s.stored, factor)
	}
}

// Whole returns the picture in memory, or after Parts the picture that Reduce ordered.
func (s *Strips) Whole() *Image {
	if s.whole != nil {
		return s.whole
	}
	return s.reduced.image.oriented(s.orientation)
}

// Part is a part of a picture.
type Part struct {
	Index int // in the list given to Parts
	Image *Image
}

// Parts yields the given parts of the picture, in its pixels after applying the orientation, in the order in which the rows of the file complete them. A
// picture in a file is read once, so Parts must be called once. After an error, which names the file, it stops.
func (s *Strips) Parts(parts []image.Rectangle) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		if s.whole != nil {
			for i, r := range parts {
				if !yield(Part{i, s.whole.crop(r)}, nil) {
					return
				}
			}
			return
		}
		if err := s.stream(parts, func(p Part) bool { return yield(p, nil) }); err != nil {
			yield(Part{}, s.named(err))
		}
	}
}

func (s *Strips) named(err error) error {
	if s.file == nil {
		return err
	}
	return fmt.Errorf("%s: %w", s.file.Name(), err)
}

// crop returns a copy of a part of the image.
func (m *Image) crop(r image.Rectangle) *Image {
	out := New(r.Dx(), r.Dy())
	for y := range out.H {
		copy(out.Pix[y*out.W*3:(y+1)*out.W*3], m.Pix[((r.Min.Y+y)*m.W+r.Min.X)*3:])
	}
	return out
}
