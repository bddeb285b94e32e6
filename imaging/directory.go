package imaging

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// The types of a directory entry's values (TIFF 6.0, section 2; LONG8, SLONG8 and IFD8 are BigTIFF's).
const (
	typeByte      = 1
	typeASCII     = 2
	typeUndefined = 7
)

// typeBytes returns the size of a value of a type, 0 for an unknown type.
func typeBytes(kind uint16) uint64 {
	switch kind {
	case 1, 2, 6, 7: // BYTE, ASCII, SBYTE, UNDEFINED
		return 1
	case 3, 8: // SHORT, SSHORT
		return 2
	case 4, 9, 11, 13: // LONG, SLONG, FLOAT, IFD
		return 4
	case 5, 10, 12, 16, 17, 18: // RATIONAL, SRATIONAL, DOUBLE, LONG8, SLONG8, IFD8
		return 8
	}
	return 0
}

// directory is an image file directory, the structure of TIFF files and of EXIF data.
type directory struct {
	from    io.ReaderAt
	size    uint64 // of the file in bytes
	order   binary.ByteOrder
	big     bool // BigTIFF: counts and positions have 8 bytes
	entries map[uint16]entry
	cut     bool // it declares more entries than the data has
}

type entry struct {
	kind  uint16
	count uint64
	place []byte // the values if they fit, else their position
}

// readDirectory reads the first directory of a TIFF file: a byte order, 42 (43 for BigTIFF), the position of the directory, and
// there a count and the entries. From a truncated directory, the entries before its end are read. If two entries have the same
// tag, the last one is used, as in Pillow. Entries without values or of an unknown type are skipped.
func readDirectory(from io.ReaderAt, size int64) (directory, error) {
	d := directory{from: from, size: uint64(size), entries: map[uint16]entry{}}
	head, _ := d.read(0, min(16, d.size))
	if len(head) < 8 {
		return d, fmt.Errorf("%w: cut off after %d bytes", ErrCorrupt, size)
	}
	switch string(head[:4]) {
	case "II*\x00", "II\x00*", "II+\x00": // the second has its magic number in the other order, which Pillow lets pass
		d.order = binary.LittleEndian
	case "MM\x00*", "MM*\x00", "MM\x00+":
		d.order = binary.BigEndian
	default:
		return d, fmt.Errorf("%w: begins with % x instead of a byte order", ErrCorrupt, head[:4])
	}
	d.big = head[2] == '+' || head[3] == '+'
	at, before, length := uint64(d.order.Uint32(head[4:])), uint64(2), uint64(12)
	if d.big {
		if len(head) < 16 {
			return d, fmt.Errorf("%w: cut off after %d bytes", ErrCorrupt, size)
		}
		at, before, length = d.order.Uint64(head[8:]), 8, 20
	}
	raw, ok := d.read(at, before)
	if !ok {
		return d, fmt.Errorf("%w: cut off after %d bytes, before its directory at byte %d", ErrCorrupt, size, at)
	}
	count := uint64(d.order.Uint16(raw))
	if d.big {
		count = d.order.Uint64(raw)
	}
	whole := (d.size - at - before) / length
	d.cut = whole < count
	return d, d.readEntries(at+before, min(count, whole), length)
}

// readEntries reads n entries of the given length in bytes.
func (d *directory) readEntries(at, n, length uint64) error {
	const most = 4096 // at once, because a file may declare as many as it has room for
	for n > 0 {
		raw, ok := d.read(at, min(n, most)*length)
		if !ok {
			return fmt.Errorf("%w: its directory cannot be read", ErrCorrupt)
		}
		at, n = at+uint64(len(raw)), n-min(n, most)
		for ; len(raw) > 0; raw = raw[length:] {
			e := entry{d.order.Uint16(raw[2:]), uint64(d.order.Uint32(raw[4:])), raw[8:12]}
			if d.big {
				e.count, e.place = d.order.Uint64(raw[4:]), raw[12:20]
			}
			if e.count > 0 && typeBytes(e.kind) > 0 {
				e.place = bytes.Clone(e.place)
				d.entries[d.order.Uint16(raw)] = e
			}
		}
	}
	return nil
}

// read returns n bytes from a position on, and false if the file has fewer.
func (d *directory) read(at, n uint64) ([]byte, bool) {
	if at > d.size || d.size-at < n {
		return nil, false
	}
	raw := make([]byte, n)
	got, _ := d.from.ReadAt(raw, int64(at)) // a file may have become shorter
	return raw, uint64(got) == n
}

// bytes returns the bytes of at most most values of an entry.
func (d *directory) bytes(e entry, most int) ([]byte, bool) {
	length := typeBytes(e.kind)
	wanted := min(e.count, uint64(most)) * length
	if e.count <= uint64(len(e.place))/length {
		return e.place[:wanted], true
	}
	at := uint64(d.order.Uint32(e.place))
	if d.big {
		at = d.order.Uint64(e.place)
	}
	return d.read(at, wanted)
}

// text returns the values of a tag with bytes, nil if it is absent.
func (d *directory) text(tag uint16) []byte {
	e, ok := d.entries[tag]
	if !ok || typeBytes(e.kind) != 1 {
		return nil
	}
	const most = 64 << 20 // longer than any XMP packet
	text, _ := d.bytes(e, most)
	return text
}

// number reads the value at the beginning of raw. Integers up to 2^53 are exact.
func (d *directory) number(kind uint16, raw []byte) float64 {
	switch kind {
	case typeByte:
		return float64(raw[0])
	case 3:
		return float64(d.order.Uint16(raw))
	case 4, 13:
		return float64(d.order.Uint32(raw))
	case 5:
		return float64(d.order.Uint32(raw)) / float64(d.order.Uint32(raw[4:]))
	case 6:
		return float64(int8(raw[0]))
	case 8:
		return float64(int16(d.order.Uint16(raw)))
	case 9:
		return float64(int32(d.order.Uint32(raw)))
	case 10:
		return float64(int32(d.order.Uint32(raw))) / float64(int32(d.order.Uint32(raw[4:])))
	case 11:
		return float64(math.Float32frombits(d.order.Uint32(raw)))
	case 12:
		return math.Float64frombits(d.order.Uint64(raw))
	case 16, 18:
		return float64(d.order.Uint64(raw))
	case 17:
		return float64(int64(d.order.Uint64(raw)))
	}
	return math.NaN() // text
}
