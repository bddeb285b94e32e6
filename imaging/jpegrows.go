package imaging

// #cgo LDFLAGS: -ljpeg
// #include "jpegrows.h"
import "C"

import (
	"bytes"
	"fmt"
	"io"
	"unsafe"
)

// maxCoefficients limits the memory of a progressive JPEG that is read in rows: its coefficients (two bytes per sample) are needed at once. An image
// within the limits of pixels may have as many as it needs.
const (
	maxCoefficients = 1 << 30
	unlimited       = 0
)

// jpegRows decodes a JPEG row by row, to the pixels of OpenCV's decoder.
type jpegRows struct {
	from     io.ReaderAt
	size, at int64
	w, h     int
	decoder  *C.jpegrows
}

// decodeJPEG decodes data whose structure was checked. OpenCV 4.6 takes twice the time: it goes over the pixels once more, byte by byte, to exchange red and blue.
func decodeJPEG(data []byte, h header) (*Image, error) {
	rows, err := newJPEGRows(bytes.NewReader(data), int64(len(data)), h, unlimited)
	if err != nil {
		return nil, err
	}
	defer rows.close()
	out := New(rows.w, rows.h)
	if err := rows.next(out.Pix); err != nil {
		return nil, err
	}
	return out, rows.finish()
}

// openJPEGRows checks the segments before the first scan as inspectJPEG does.
func openJPEGRows(from io.ReaderAt, size int64, limits Limits) (rowReader, header, error) {
	h, err := beginningOfJPEG(from, size, limits)
	if err != nil {
		return nil, h, err
	}
	r, err := newJPEGRows(from, size, h, maxCoefficients)
	if err != nil {
		return nil, h, err // not r: an interface of a nil pointer is not nil
	}
	return r, h, nil
}

// newJPEGRows begins to decode a JPEG with the given header, reduced as that says. memory limits the bytes of coefficients.
func newJPEGRows(from io.ReaderAt, size int64, h header, memory int) (*jpegRows, error) {
	by := max(h.reduction, 1)
	r := &jpegRows{from: from, size: size, w: reduced(h.w, by), h: reduced(h.h, by), decoder: C.jpegrows_new(maxScans, C.long(memory))}
	if r.decoder == nil {
		return nil, fmt.Errorf("%w: no memory for its decoder", ErrTooLarge)
	}
	var w, height C.int
	if err := r.run(func() C.int { return C.jpegrows_start(r.decoder, C.int(by), &w, &height) }); err != nil {
		r.close()
		return nil, err
	}
	if int(w) != r.w || int(height) != r.h {
		r.close()
		return nil, fmt.Errorf("%w: declares %dx%d pixels and has %dx%d", ErrCorrupt, r.w, r.h, w, height)
	}
	return r, nil
}

// beginningOfJPEG reads the header from the segments before the first scan, which may have large previews and profiles.
func beginningOfJPEG(from io.ReaderAt, size int64, limits Limits) (header, error) {
	const most = 64 << 20
	for n := int64(headBytes); ; n *= 4 {
		data := make([]byte, min(n, size))
		if _, err := from.ReadAt(data, 0); err != nil && err != io.EOF {
			return header{}, err
		}
		walk := jpegWalk{data: data, pos: 2}
		err := walk.toScan(limits)
		if err == nil || n >= min(size, most) {
			return walk.found(), err
		}
	}
}

// next reads as many rows as bgr holds.
func (r *jpegRows) next(bgr []byte) error {
	n := C.int(len(bgr) / (3 * r.w))
	return r.run(func() C.int { return C.jpegrows_next(r.decoder, (*C.uchar)(unsafe.Pointer(&bgr[0])), n) })
}

func (r *jpegRows) finish() error {
	return r.run(func() C.int { return C.jpegrows_finish(r.decoder) })
}

func (r *jpegRows) close() {
	if r.decoder != nil {
		C.jpegrows_free(r.decoder)
		r.decoder = nil
	}
}

// run calls a step of the decoder until it has had the bytes that it needs.
func (r *jpegRows) run(step func() C.int) error {
	for {
		switch step() {
		case C.JPEGROWS_DONE:
			return nil
		case C.JPEGROWS_MORE:
			if err := r.feed(); err != nil {
				return err
			}
		case C.JPEGROWS_MEMORY:
			return fmt.Errorf("%w: a progressive JPEG of %dx%d pixels needs more than %d bytes at once; a baseline JPEG does not (jpegtran makes one without loss)",
				ErrTooLarge, r.w, r.h, maxCoefficients)
		case C.JPEGROWS_SCANS:
			return fmt.Errorf("%w: more than %d scans", ErrTooLarge, maxScans)
		default:
			return fmt.Errorf("%w: its pixels cannot be decoded", ErrCorrupt)
		}
	}
}

// feed gives the decoder the next bytes of the file.
func (r *jpegRows) feed() error {
	data := make([]byte, min(64<<10, r.size-r.at))
	n, err := r.from.ReadAt(data, r.at)
	if err != nil && err != io.EOF {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: cut off after %d bytes, before its end-of-image marker", ErrCorrupt, r.at)
	}
	r.at += int64(n)
	if C.jpegrows_feed(r.decoder, (*C.uchar)(unsafe.Pointer(&data[0])), C.size_t(n)) == 0 {
		return fmt.Errorf("%w: no memory for its data", ErrTooLarge)
	}
	return nil
}
