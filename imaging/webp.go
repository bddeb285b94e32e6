package imaging

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
)

// webPFile has the content of the chunks of a WebP container (RFC 9649).
type webPFile struct {
	w, h  int
	flags byte            // of the extended header; 0 if there is none
	first image.Rectangle // position of the first frame of an animation; empty for a still image
	frame []byte          // its chunks
	metadata
}

// The flags of the extended header.
const (
	webPAnimated = 0x02
	webPXMP      = 0x04
	webPEXIF     = 0x08
	webPAlpha    = 0x10
)

func inspectWebP(data []byte, limits Limits) (header, error) {
	f, err := readWebP(data, limits)
	return header{w: f.w, h: f.h, orientation: f.metadata.orientation()}, err
}

func readWebP(data []byte, limits Limits) (f webPFile, err error) {
	size := uint64(binary.LittleEndian.Uint32(data[4:])) + 8
	if size > uint64(len(data)) || size < 12 {
		return f, fmt.Errorf("%w: declares %d bytes and has %d", ErrCorrupt, size, len(data))
	}
	for rest := data[12:size]; len(rest) >= 8; {
		name := string(rest[:4])
		length := uint64(binary.LittleEndian.Uint32(rest[4:]))
		if length > uint64(len(rest)-8) {
			return f, fmt.Errorf("%w: chunk %q declares %d bytes and has %d", ErrCorrupt, name, length, len(rest)-8)
		}
		if err := f.chunk(name, rest[8:8+length], limits); err != nil {
			return f, err
		}
		rest = rest[min(uint64(len(rest)), 8+length+length%2):] // chunks begin at even positions
	}
	if f.w == 0 || f.flags&webPAnimated != 0 && f.frame == nil {
		return f, fmt.Errorf("%w: no image in it", ErrCorrupt)
	}
	return f, nil
}

// chunk reads one chunk. As in libwebp, the first EXIF and XMP chunks are used, and only if the flags of the header announce them.
func (f *webPFile) chunk(name string, payload []byte, limits Limits) error {
	switch name {
	case "VP8X", "VP8 ", "VP8L":
		w, h, err := webPSize(name, payload)
		if err != nil {
			return err
		}
		if err := limits.Check(w, h); err != nil {
			return err
		}
		if f.w != 0 && (w != f.w || h != f.h) {
			return fmt.Errorf("%w: declares %dx%d pixels and has %dx%d", ErrCorrupt, f.w, f.h, w, h)
		}
		f.w, f.h = w, h
		if name == "VP8X" {
			f.flags = payload[0]
		}
	case "ANMF":
		if f.flags&webPAnimated != 0 && f.frame == nil {
			return f.firstFrame(payload)
		}
	case "EXIF":
		if f.flags&webPEXIF != 0 && f.exif == nil {
			f.exif = payload
		}
	case "XMP ":
		if f.flags&webPXMP != 0 && f.xmp == nil {
			f.xmp = payload
		}
	}
	return nil
}

// firstFrame reads the header of a frame: position in units of two pixels, size, duration and flags.
func (f *webPFile) firstFrame(payload []byte) error {
	const headerBytes = 16
	if len(payload) < headerBytes {
		return fmt.Errorf("%w: frame of %d bytes", ErrCorrupt, len(payload))
	}
	at := image.Pt(2*uint24(payload), 2*uint24(payload[3:]))
	f.first = image.Rectangle{at, at.Add(image.Pt(1+uint24(payload[6:]), 1+uint24(payload[9:])))}
	if !f.first.In(image.Rect(0, 0, f.w, f.h)) {
		return fmt.Errorf("%w: a frame at %v of %dx%d pixels", ErrCorrupt, f.first, f.w, f.h)
	}
	f.frame = payload[headerBytes:]
	return nil
}

// decodeWebP decodes a still image, or the first frame of an animation on a black canvas.
func decodeWebP(data []byte, h header) (*Image, error) {
	f, err := readWebP(data, Limits{Bytes: len(data), Side: max(h.w, h.h), Pixels: h.w * h.h})
	if err != nil {
		return nil, err
	}
	if f.flags&webPAnimated == 0 {
		return decodeOpenCV(data, h)
	}
	frame, err := decodeOpenCV(f.still(), h)
	if err != nil {
		return nil, err
	}
	if frame.W != f.first.Dx() || frame.H != f.first.Dy() {
		return nil, fmt.Errorf("%w: frame declares %dx%d pixels and has %dx%d", ErrCorrupt, f.first.Dx(), f.first.Dy(), frame.W, frame.H)
	}
	out := New(f.w, f.h)
	for y := range frame.H {
		copy(out.Pix[((f.first.Min.Y+y)*out.W+f.first.Min.X)*3:], frame.Pix[y*frame.W*3:(y+1)*frame.W*3])
	}
	return out, nil
}

// still returns the first frame as a still WebP file, for libwebp's simple decoder.
func (f *webPFile) still() []byte {
	out := []byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00")
	if bytes.HasPrefix(f.frame, []byte("ALPH")) {
		out[20] = webPAlpha
	}
	for _, side := range []int{f.first.Dx() - 1, f.first.Dy() - 1} {
		out = append(out, byte(side), byte(side>>8), byte(side>>16))
	}
	out = append(out, f.frame...)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// webPSize reads the size in pixels from the payload of the extended, the lossy or the lossless header.
func webPSize(name string, payload []byte) (w, h int, err error) {
	if len(payload) < 10 && (name != "VP8L" || len(payload) < 5) {
		return 0, 0, fmt.Errorf("%w: chunk %q of %d bytes", ErrCorrupt, name, len(payload))
	}
	switch name {
	case "VP8X":
		w, h = 1+uint24(payload[4:]), 1+uint24(payload[7:])
	case "VP8 ": // the upper two bits of width and height are a scale for display, which decoders ignore
		w = int(binary.LittleEndian.Uint16(payload[6:])) & 0x3fff
		h = int(binary.LittleEndian.Uint16(payload[8:])) & 0x3fff
	case "VP8L":
		bits := binary.LittleEndian.Uint32(payload[1:])
		w = 1 + int(bits&0x3fff)
		h = 1 + int(bits>>14&0x3fff)
	}
	return w, h, nil
}
