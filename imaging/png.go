package imaging

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// inspectPNG reads all chunks up to IEND and checks their checksums. An ancillary chunk with a wrong checksum is skipped.
func inspectPNG(data []byte, limits Limits) (header, error) {
	var found header
	var extra pngMetadata
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
		sound := crc32.ChecksumIEEE(chunk) == sum
		if critical := name[0]&0x20 == 0; critical && !sound {
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
		case "IEND":
			found.orientation = extra.metadata().orientation()
			return found, nil
		default:
			if sound {
				extra.keep(name, payload)
			}
		}
		pos += 12 + int(length)
	}
}

// decodePNG gives OpenCV only the chunks of the pixels. libpng would print warnings about other invalid chunks, such as EXIF
// with a prefix, and newer versions of OpenCV would decode the frames of an animation.
func decodePNG(data []byte, h header) (*Image, error) {
	pixels := make([]byte, 0, len(data))
	pixels = append(pixels, data[:len(pngSignature)]...)
	for rest := data[len(pngSignature):]; len(rest) >= 12; {
		chunk := rest[:12+int(binary.BigEndian.Uint32(rest))]
		name := string(chunk[4:8])
		if critical := name[0]&0x20 == 0; critical || name == "tRNS" {
			pixels = append(pixels, chunk...)
		}
		if name == "IEND" {
			break
		}
		rest = rest[len(chunk):]
	}
	return decodeOpenCV(pixels, h)
}
