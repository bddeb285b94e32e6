package imaging

import (
	"bytes"
	"regexp"
)

// metadata has the parts of a file that may contain the orientation.
type metadata struct {
	exif []byte // EXIF data, with or without the prefix that JPEG has
	xmp  []byte
}

// orientation returns the orientation that Pillow's exif_transpose uses, 1 to 8: that of EXIF, or else that of XMP. It returns 1,
// no rotation, if both are missing or invalid.
func (m metadata) orientation() int {
	o, ok := exifOrientation(m.exif)
	return upright(o, ok, m.xmp)
}

// upright returns the orientation o of EXIF or, if there is none, that of XMP.
func upright(o int, ok bool, xmp []byte) int {
	if !ok {
		o = xmpOrientation(xmp)
	}
	if o < 1 || o > 8 {
		return 1
	}
	return o
}

const (
	exifPrefix = "Exif\x00\x00"
	tagXMP     = 700
)

// exifOrientation returns the orientation in EXIF data. ok is false if there is none.
func exifOrientation(data []byte) (o int, ok bool) {
	for bytes.HasPrefix(data, []byte(exifPrefix)) { // JPEG has it; some writers put it into PNG and WebP, or twice
		data = data[len(exifPrefix):]
	}
	d, err := readDirectory(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return 0, false
	}
	return d.orientation()
}

// orientation reads the orientation tag. Cameras write a SHORT. Like Pillow, it accepts every numeric type but BYTE.
func (d *directory) orientation() (o int, ok bool) {
	e, ok := d.entries[0x0112]
	if !ok {
		return 0, false
	}
	raw, ok := d.bytes(e, 1)
	if !ok {
		return 0, false
	}
	v := d.number(e.kind, raw)
	if e.kind == typeByte || !(v >= 1 && v <= 8) || v != float64(int(v)) {
		return 0, true
	}
	return int(v), true
}

// xmpOrientation returns the orientation in an XMP packet, from an attribute or an element, or 0 if there is none.
func xmpOrientation(packet []byte) int {
	if len(packet) == 0 {
		return 0
	}
	found := regexp.MustCompile(`tiff:Orientation(="|>)([0-9])`).FindSubmatch(packet)
	if found == nil {
		return 0
	}
	return int(found[2][0] - '0')
}
