package imaging

import (
	"encoding/binary"
	"fmt"
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
	data    []byte
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
func readDirectory(data []byte) (directory, error) {
	d := directory{data: data, entries: map[uint16]entry{}}
	if len(data) < 8 {
		return d, fmt.Errorf("%w: cut off after %d bytes", ErrCorrupt, len(data))
	}
	switch string(data[:4]) {
	case "II*\x00", "II\x00*", "II+\x00": // the second has its magic number in the other order, which Pillow lets pass
		d.order = binary.LittleEndian
	case "MM\x00*", "MM*\x00", "MM\x00+":
		d.order = binary.BigEndian
	default:
		return d, fmt.Errorf("%w: begins with % x instead of a byte order", ErrCorrupt, data[:4])
	}
	d.big = data[2] == '+' || data[3] == '+'
	at, head, length := uint64(d.order.Uint32(data[4:])), uint64(2), uint64(12)
	if d.big {
		if len(data) < 16 {
			return d, fmt.Errorf("%w: cut off after %d bytes", ErrCorrupt, len(data))
		}
		at, head, length = d.order.Uint64(data[8:]), 8, 20
	}
	if size := uint64(len(data)); at > size || size-at < head {
		return d, fmt.Errorf("%w: cut off after %d bytes, before its directory at byte %d", ErrCorrupt, size, at)
	}
	count := uint64(d.order.Uint16(data[at:]))
	if d.big {
		count = d.order.Uint64(data[at:])
	}
	rest := data[at+head:]
	whole := uint64(len(rest)) / length
	d.cut = whole < count
	for range min(count, whole) {
		e := entry{d.order.Uint16(rest[2:]), uint64(d.order.Uint32(rest[4:])), rest[8:12]}
		if d.big {
			e.count, e.place = d.order.Uint64(rest[4:]), rest[12:20]
		}
		if e.count > 0 && typeBytes(e.kind) > 0 {
			d.entries[d.order.Uint16(rest)] = e
		}
		rest = rest[length:]
	}
	return d, nil
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
	if size := uint64(len(d.data)); at > size || size-at < wanted {
		return nil, false
	}
	return d.data[at : at+wanted], true
}

// text returns the values of a tag with bytes, nil if it is absent.
func (d *directory) text(tag uint16) []byte {
	e, ok := d.entries[tag]
	if !ok || typeBytes(e.kind) != 1 {
		return nil
	}
	text, _ := d.bytes(e, len(d.data))
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
