package imaging

import (
	"encoding/binary"
	"fmt"
)

// inspectWebP reads size and orientation from the chunks of a WebP container (RFC 9649).
func inspectWebP(data []byte, limits Limits) (header, error) {
	size := uint64(binary.LittleEndian.Uint32(data[4:])) + 8
	if size > uint64(len(data)) || size < 12 {
		return header{}, fmt.Errorf("%w: declares %d bytes and has %d", ErrCorrupt, size, len(data))
	}
	found := header{orientation: 1}
	for rest := data[12:size]; len(rest) >= 8; {
		name := string(rest[:4])
		length := uint64(binary.LittleEndian.Uint32(rest[4:]))
		if length > uint64(len(rest)-8) {
			return header{}, fmt.Errorf("%w: chunk %q declares %d bytes and has %d", ErrCorrupt, name, length, len(rest)-8)
		}
		payload := rest[8 : 8+length]
		switch name {
		case "VP8X", "VP8 ", "VP8L":
			w, h, err := webPSize(name, payload)
			if err != nil {
				return header{}, err
			}
			if err := limits.Check(w, h); err != nil {
				return header{}, err
			}
			if found.w != 0 && (w != found.w || h != found.h) {
				return header{}, fmt.Errorf("%w: declares %dx%d pixels and has %dx%d", ErrCorrupt, found.w, found.h, w, h)
			}
			found.w, found.h = w, h
		case "EXIF":
			found.orientation = exifOrientation(payload)
		}
		rest = rest[min(uint64(len(rest)), 8+length+length%2):] // chunks begin at even positions
	}
	if found.w == 0 {
		return header{}, fmt.Errorf("%w: no picture in it", ErrCorrupt)
	}
	return found, nil
}

// webPSize reads the size in pixels from the payload of the extended, the lossy or the lossless header.
func webPSize(name string, payload []byte) (w, h int, err error) {
	if len(payload) < 10 && (name != "VP8L" || len(payload) < 5) {
		return 0, 0, fmt.Errorf("%w: chunk %q of %d bytes", ErrCorrupt, name, len(payload))
	}
	switch name {
	case "VP8X":
		const animated = 0x02
		if payload[0]&animated != 0 {
			return 0, 0, fmt.Errorf("%w: animation", ErrUnsupported)
		}
		w = 1 + int(payload[4]) + int(payload[5])<<8 + int(payload[6])<<16
		h = 1 + int(payload[7]) + int(payload[8])<<8 + int(payload[9])<<16
	case "VP8 ": // the upper two bits of each side ask the display to enlarge and are ignored by decoders
		w = int(binary.LittleEndian.Uint16(payload[6:])) & 0x3fff
		h = int(binary.LittleEndian.Uint16(payload[8:])) & 0x3fff
	case "VP8L":
		bits := binary.LittleEndian.Uint32(payload[1:])
		w = 1 + int(bits&0x3fff)
		h = 1 + int(bits>>14&0x3fff)
	}
	return w, h, nil
}
