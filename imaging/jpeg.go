package imaging

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// maxScans limits the decoding time of a progressive JPEG, because each scan covers the whole image. Encoders write about ten.
const maxScans = 64

// jpegWalk walks over the markers of a JPEG (ITU-T T.81, Annex B).
type jpegWalk struct {
	data  []byte
	pos   int
	scans int
	metadata
	header
}

// inspectJPEG checks all markers up to the end of the image. The decoder reports neither truncated files, whose missing rows it
// leaves uninitialised, nor files with thousands of scans.
func inspectJPEG(data []byte, limits Limits) (header, error) {
	walk := jpegWalk{data: data, pos: 2}
	for {
		marker, err := walk.next()
		if err != nil {
			return header{}, err
		}
		if marker == 0xd9 { // end of image
			break
		}
		if err := walk.segment(marker, limits); err != nil {
			return header{}, err
		}
	}
	if walk.scans == 0 {
		return header{}, fmt.Errorf("%w: no scan before the end-of-image marker", ErrCorrupt)
	}
	return walk.found(), nil
}

// toScan reads the segments up to the first scan.
func (j *jpegWalk) toScan(limits Limits) error {
	for j.scans == 0 {
		marker, err := j.next()
		if err != nil {
			return err
		}
		if marker == 0xd9 {
			return fmt.Errorf("%w: no scan before the end-of-image marker", ErrCorrupt)
		}
		if err := j.segment(marker, limits); err != nil {
			return err
		}
	}
	return nil
}

// found returns the header with the orientation in the segments before the first scan.
func (j *jpegWalk) found() header {
	return header{w: j.w, h: j.h, orientation: j.metadata.orientation()}
}

// next returns the next marker that begins a segment or ends the image, and moves behind it.
func (j *jpegWalk) next() (marker byte, err error) {
	for {
		at := bytes.IndexByte(j.data[j.pos:], 0xff)
		if at < 0 || j.pos+at+1 >= len(j.data) {
			return 0, fmt.Errorf("%w: cut off after %d bytes, before its end-of-image marker", ErrCorrupt, len(j.data))
		}
		j.pos += at + 1
		switch m := j.data[j.pos]; {
		case m == 0xff: // a fill byte: look at it again as the beginning of a marker
		case m == 0x00 || m == 0x01 || m >= 0xd0 && m <= 0xd7: // a stuffed byte of scan data, TEM, a restart marker
			j.pos++
		default:
			j.pos++
			return m, nil
		}
	}
}

// segment reads the segment of a marker, whose two-byte length includes itself. Scan data follows a start-of-scan segment and
// is skipped by next.
func (j *jpegWalk) segment(marker byte, limits Limits) error {
	if marker == 0xd8 {
		return fmt.Errorf("%w: a second start-of-image marker at byte %d", ErrCorrupt, j.pos-2)
	}
	rest := j.data[j.pos:]
	if len(rest) < 2 || int(binary.BigEndian.Uint16(rest)) > len(rest) {
		return fmt.Errorf("%w: cut off after %d bytes, within segment %#x", ErrCorrupt, len(j.data), marker)
	}
	length := int(binary.BigEndian.Uint16(rest))
	if length < 2 {
		return fmt.Errorf("%w: segment %#x at byte %d has length %d", ErrCorrupt, marker, j.pos-2, length)
	}
	payload := rest[2:length]
	j.pos += length

	switch {
	case marker == 0xda:
		return j.scan()
	case marker == 0xe1 && j.scans == 0:
		j.application(payload)
	case marker >= 0xc0 && marker <= 0xc2:
		return j.frame(payload, limits)
	case marker >= 0xc3 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc:
		return fmt.Errorf("%w: coding process %#x (neither baseline nor progressive)", ErrUnsupported, marker)
	}
	return nil
}

// application keeps EXIF and XMP of an APP1 segment. EXIF longer than a segment continues in the next one, which repeats the
// prefix. Of two complete EXIF segments, the first is therefore used, and of two XMP packets the last, as in Pillow.
func (j *jpegWalk) application(payload []byte) {
	if data, ok := bytes.CutPrefix(payload, []byte(exifPrefix)); ok {
		j.exif = append(j.exif, data...)
	}
	if data, ok := bytes.CutPrefix(payload, []byte("http://ns.adobe.com/xap/1.0/\x00")); ok {
		j.xmp = data
	}
}

func (j *jpegWalk) scan() error {
	if j.w == 0 {
		return fmt.Errorf("%w: a scan before the frame header", ErrCorrupt)
	}
	if j.scans++; j.scans > maxScans {
		return fmt.Errorf("%w: more than %d scans", ErrTooLarge, maxScans)
	}
	return nil
}

// frame reads precision, height, width and number of components from the frame header.
func (j *jpegWalk) frame(payload []byte, limits Limits) error {
	if j.w != 0 {
		return fmt.Errorf("%w: a second frame header", ErrCorrupt)
	}
	if len(payload) < 6 {
		return fmt.Errorf("%w: frame header of %d bytes", ErrCorrupt, len(payload))
	}
	if payload[0] != 8 {
		return fmt.Errorf("%w: %d bits per sample", ErrUnsupported, payload[0])
	}
	if n := payload[5]; n != 1 && n != 3 && n != 4 {
		return fmt.Errorf("%w: %d components", ErrUnsupported, n)
	}
	j.h = int(binary.BigEndian.Uint16(payload[1:]))
	j.w = int(binary.BigEndian.Uint16(payload[3:]))
	return limits.Check(j.w, j.h)
}
