package imaging

import "encoding/binary"

// exifOrientation reads the orientation, 1 to 8, from EXIF data, which has the structure of a TIFF file: a byte order, 42, the
// position of the first directory, and there a count and entries of 12 bytes. Whatever is missing or odd means upright, 1.
func exifOrientation(data []byte) int {
	if len(data) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(data[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	at := uint64(order.Uint32(data[4:]))
	if at+2 > uint64(len(data)) {
		return 1
	}
	const (
		entryBytes     = 12
		tagOrientation = 0x0112
		typeShort      = 3
	)
	entries := data[at+2:]
	for range order.Uint16(data[at:]) {
		if len(entries) < entryBytes {
			return 1
		}
		if order.Uint16(entries) == tagOrientation {
			o := int(order.Uint16(entries[8:]))
			if order.Uint16(entries[2:]) != typeShort || o < 1 || o > 8 {
				return 1
			}
			return o
		}
		entries = entries[entryBytes:]
	}
	return 1
}
