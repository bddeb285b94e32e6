package imaging

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// inspectPNG goes from chunk to chunk up to IEND and checks the sums of the critical ones.
func inspectPNG(data []byte, limits Limits) (header, error) {
	found := header{orientation: 1}
	for pos := len(pngSignature); ; {
		// A chunk is a length, a name, that many bytes, and the CRC-32 of name and bytes.
		if len(data)-pos < 12 {
			return header{}, fmt.Errorf("%w: cut off after %d bytes, before its IEND chunk", ErrCorrupt, len(data))
		}
		length := uint64(binary.BigEndian.Uint32(data[pos:]))
		if length > uint64(len(data)-pos-12) {
			return header{}, fmt.Errorf("%w: cut off after %d bytes, within chunk %q", ErrCorrupt, len(data), data[pos+4:pos+8])
		}
		chunk := data[pos+4 : pos+8+int(length)]
		name, payload := string(chunk[:4]), chunk[4:]
		sum := binary.BigEndian.Uint32(data[pos+8+int(length):])
		if critical := name[0]&0x20 == 0; critical && crc32.ChecksumIEEE(chunk) != sum {
			return header{}, fmt.Errorf("%w: chunk %q at byte %d has a wrong checksum", ErrCorrupt, name, pos)
		}
		if (pos == len(pngSignature)) != (name == "IHDR") {
			return header{}, fmt.Errorf("%w: chunk %q at byte %d: IHDR must be first and only there", ErrCorrupt, name, pos)
		}
		switch name {
		case "IHDR":
			if length != 13 {
				return header{}, fmt.Errorf("%w: IHDR of %d bytes", ErrCorrupt, length)
			}
			found.w = int(binary.BigEndian.Uint32(payload))
			found.h = int(binary.BigEndian.Uint32(payload[4:]))
			if err := limits.Check(found.w, found.h); err != nil {
				return header{}, err
			}
		case "eXIf":
			found.orientation = exifOrientation(payload)
		case "IEND":
			return found, nil
		}
		pos += 12 + int(length)
	}
}
