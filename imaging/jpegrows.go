package imaging

// #cgo LDFLAGS: -ljpeg
// #include "jpegrows.h"
import "C"

import (
	"fmt"
	"io"
	"unsafe"
)

// maxCoefficients limits the memory of a progressive JPEG, whose coefficients (two bytes per sample) are needed at once.
const maxCoefficients = 1 << 30

// jpegRows decodes a JPEG row by row. OpenCV decodes the same pixels, as a whole.
type jpegRows struct {
	from     io.ReaderAt
	size, at int64
	w, h     int
	decoder  *C.jpegrows
}

// openJPEGRows checks the segments before the first scan as inspectJPEG does.
func openJPEGRows(from io.ReaderAt, size int64, limits Limits) (rowReader, header, error) {
	h, err := beginningOfJPEG(from, size, limits)
	if err != nil {
		return nil, h, err
	}
	r := &jpegRows{from: from, size: size, w: h.w, h: h.h, decoder: C.jpegrows_new(maxScans, maxCoefficients)}
	if r.decoder == nil {
		return nil, h, fmt.Errorf("%w: no memory for its decoder", ErrTooLarge)
	}
	var w, height C.int
	if err := r.run(func() C.int { return C.jpegrows_start(r.decoder, &w, &height) }); err != nil {
		r.close()
		return nil, h, err
	}
	if int(w) != h.w || int(height) != h.h {
		r.close()
		return nil, h, fmt.Errorf("%w: declares %dx%d pixels and has %dx%d", ErrCorrupt, h.w, h.h, w, height)
	}
	return r, h, nil
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

func (r *jpegRows) next(bgr []byte) error {
	return r.run(func() C.int { return C.jpegrows_next(r.decoder, (*C.uchar)(unsafe.Pointer(&bgr[0]))) })
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
