package imaging

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/gif"
	"io"
)

// gifFile has the data of a GIF before the pixels of its first frame.
type gifFile struct {
	rest    []byte
	size    image.Point // of the canvas
	palette []byte      // 256 RGB colours; nil before a colour table was read
	outside byte        // the colour of the canvas around the frame
	frame   image.Rectangle
	flags   byte // of the frame
}

const (
	gifHeaderBytes     = 13 // signature, size of the canvas, flags, background, aspect
	gifDescriptorBytes = 10 // separator, position, size, flags
	gifHasPalette      = 0x80
	gifInterlaced      = 0x40
)

func inspectGIF(data []byte, limits Limits) (header, error) {
	f, err := readGIF(data)
	if err != nil {
		return header{}, err
	}
	return header{w: f.size.X, h: f.size.Y, orientation: 1}, limits.Check(f.size.X, f.size.Y)
}

// readGIF reads up to the pixels of the first frame. It handles invalid files like Pillow: a canvas smaller than the frame is
// enlarged, colours missing in the palette are black, and without a palette the pixels are grey values.
func readGIF(data []byte) (f gifFile, err error) {
	if len(data) < gifHeaderBytes {
		return f, fmt.Errorf("%w: cut off after %d bytes", ErrCorrupt, len(data))
	}
	f.size = image.Pt(int(binary.LittleEndian.Uint16(data[6:])), int(binary.LittleEndian.Uint16(data[8:])))
	f.rest = data[gifHeaderBytes:]
	err = f.readPalette(data[10])
	for err == nil && f.frame.Empty() {
		if len(f.rest) == 0 {
			return f, fmt.Errorf("%w: cut off after %d bytes, before its first frame", ErrCorrupt, len(data))
		}
		switch f.rest[0] {
		case ';':
			return f, fmt.Errorf("%w: no frame before its end", ErrCorrupt)
		case '!':
			err = f.skipExtension()
		case ',':
			err = f.readFrame()
		default: // padding
			f.rest = f.rest[1:]
		}
	}
	if f.palette == nil {
		f.palette = make([]byte, 3*256)
		for i := range f.palette {
			f.palette[i] = byte(i / 3)
		}
	}
	return f, err
}

// readPalette reads the colours that follow flags.
func (f *gifFile) readPalette(flags byte) error {
	if flags&gifHasPalette == 0 {
		return nil
	}
	n := 3 << (flags&7 + 1)
	if len(f.rest) < n {
		return fmt.Errorf("%w: cut off within its colours", ErrCorrupt)
	}
	f.palette = make([]byte, 3*256) // the palette of a frame replaces that of the file
	copy(f.palette, f.rest[:n])
	f.rest = f.rest[n:]
	return nil
}

// skipExtension skips the blocks of an extension. From a graphic control extension it reads the transparent colour.
func (f *gifFile) skipExtension() error {
	const graphicControl = 0xf9
	control := len(f.rest) >= 7 && f.rest[1] == graphicControl && f.rest[2] >= 4
	if control && f.rest[3]&1 != 0 {
		f.outside = f.rest[6]
	}
	for at := 2; at < len(f.rest); at += 1 + int(f.rest[at]) {
		if f.rest[at] == 0 {
			f.rest = f.rest[at+1:]
			return nil
		}
	}
	return fmt.Errorf("%w: cut off within an extension", ErrCorrupt)
}

// readFrame reads the descriptor and colours of a frame.
func (f *gifFile) readFrame() error {
	if len(f.rest) < gifDescriptorBytes {
		return fmt.Errorf("%w: cut off within the descriptor of its first frame", ErrCorrupt)
	}
	side := func(at int) int { return int(binary.LittleEndian.Uint16(f.rest[at:])) }
	at := image.Pt(side(1), side(3))
	f.frame = image.Rectangle{at, at.Add(image.Pt(side(5), side(7)))}
	if f.frame.Empty() {
		return fmt.Errorf("%w: a frame of %dx%d pixels", ErrCorrupt, side(5), side(7))
	}
	f.size = image.Pt(max(f.size.X, f.frame.Max.X), max(f.size.Y, f.frame.Max.Y))
	f.flags = f.rest[9]
	f.rest = f.rest[gifDescriptorBytes:]
	return f.readPalette(f.flags)
}

// decodeGIF decodes the first frame. A transparent pixel has its colour in the palette, as in the other formats. image/gif
// would make it black, so image/gif gets a file with only this frame and without a transparent colour.
func decodeGIF(data []byte, h header) (*Image, error) {
	f, err := readGIF(data)
	if err != nil {
		return nil, err
	}
	head := []byte("GIF89a")
	head = binary.LittleEndian.AppendUint16(head, uint16(f.frame.Dx()))
	head = binary.LittleEndian.AppendUint16(head, uint16(f.frame.Dy()))
	head = append(head, gifHasPalette|7, 0, 0) // 2^(7+1) colours
	head = append(head, f.palette...)
	head = append(head, ',', 0, 0, 0, 0)
	head = binary.LittleEndian.AppendUint16(head, uint16(f.frame.Dx()))
	head = binary.LittleEndian.AppendUint16(head, uint16(f.frame.Dy()))
	head = append(head, f.flags&gifInterlaced)
	m, err := gif.Decode(io.MultiReader(bytes.NewReader(head), bytes.NewReader(f.rest)))
	if err != nil {
		return nil, foreignError(err)
	}
	return f.onCanvas(m.(*image.Paletted)), nil
}

// onCanvas converts palette indices to colours and places the frame on the canvas.
func (f *gifFile) onCanvas(frame *image.Paletted) *Image {
	out := New(f.size.X, f.size.Y)
	put := func(at int, index byte) {
		c := f.palette[int(index)*3:]
		out.Pix[at], out.Pix[at+1], out.Pix[at+2] = c[2], c[1], c[0]
	}
	for at := 0; at < len(out.Pix); at += 3 {
		put(at, f.outside)
	}
	for y := range frame.Rect.Dy() {
		at := ((f.frame.Min.Y+y)*out.W + f.frame.Min.X) * 3
		for x, index := range frame.Pix[y*frame.Stride : y*frame.Stride+frame.Rect.Dx()] {
			put(at+3*x, index)
		}
	}
	return out
}
