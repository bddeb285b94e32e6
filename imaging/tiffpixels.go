package imaging

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"
)

// The compressions that are read.
const (
	compressionNone       = 1
	compressionGroup3     = 3
	compressionGroup4     = 4
	compressionLZW        = 5
	compressionDeflate    = 8
	compressionPackBits   = 32773
	compressionOldDeflate = 32946
)

// decodeTIFF reads the pixels of the first page. golang.org/x/image/tiff is not used, because it inverts fax pages with black as
// zero, ignores reversed bits and separate planes, and does not support grey with alpha, CMYK, and 2 or 4 bits.
func decodeTIFF(data []byte, h header) (*Image, error) {
	f, err := readTIFF(bytes.NewReader(data), int64(len(data)), Limits{Bytes: len(data), Side: max(h.w, h.h), Pixels: h.w * h.h})
	if err != nil {
		return nil, err
	}
	out := New(f.w, f.h)
	for block := range f.blocksPer {
		if err := f.readBlock(out, 0, block); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readBlock reads a strip or tile into its place in a picture whose first row is row top of the file's.
func (f *tiffFile) readBlock(out *Image, top, block int) error {
	b, err := f.block(block)
	if err != nil {
		return err
	}
	for row := range b.rows {
		at := ((b.y+row-top)*f.w + b.x) * 3
		if err := b.next(out.Pix[at : at+3*b.width]); err != nil {
			return err
		}
	}
	return nil
}

// tiffBlock reads the rows of a strip or tile of all planes.
type tiffBlock struct {
	*tiffFile
	index, x, y, width, rows int // the last tile may extend beyond the image
	planes                   []io.Reader
	raw, samples             []byte // of a row
}

// block opens a strip or tile.
func (f *tiffFile) block(index int) (*tiffBlock, error) {
	b := &tiffBlock{tiffFile: f, index: index, x: index % f.blocksAcross * f.blockW, y: index / f.blocksAcross * f.blockH}
	b.width, b.rows = min(f.blockW, f.w-b.x), min(f.blockH, f.h-b.y)
	for plane := range f.planes {
		r, err := f.open(plane*f.blocksPer+index, b.rows)
		if err != nil {
			return nil, f.damaged(index, err)
		}
		b.planes = append(b.planes, r)
	}
	b.raw = make([]byte, (f.blockW*b.perPlane()*f.bits+7)/8)
	b.samples = make([]byte, f.blockW*f.samples)
	return b, nil
}

func (f *tiffFile) perPlane() int { return f.samples / f.planes }

// next reads the next row of the block as BGR bytes.
func (b *tiffBlock) next(bgr []byte) error {
	for plane, r := range b.planes {
		if _, err := io.ReadFull(r, b.raw); err != nil {
			return b.damaged(b.index, err)
		}
		if b.predictor == 2 {
			b.undoPredictor(b.raw, b.perPlane())
		}
		b.unpack(b.samples[plane:], b.raw, b.perPlane())
	}
	b.colour(bgr, b.samples)
	return nil
}

func (f *tiffFile) damaged(block int, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: block %d of its pixels is cut off", ErrCorrupt, block)
	}
	return fmt.Errorf("%w: block %d of its pixels cannot be decompressed", ErrCorrupt, block)
}

// open returns a reader of the decompressed bytes of a block. Without a length, which some writers omit, a block extends to the
// end of the file.
func (f *tiffFile) open(block, rows int) (io.Reader, error) {
	size := float64(f.size)
	at := f.offsets[block]
	if !(at >= 0 && at < size) {
		return nil, io.ErrUnexpectedEOF
	}
	end := size
	if f.counts != nil && f.counts[block] >= 0 {
		end = min(size, at+f.counts[block])
	}
	// Small reads of the decompressors go through a buffer.
	var data io.Reader = bufio.NewReaderSize(io.NewSectionReader(f.from, int64(at), int64(end)-int64(at)), 4096)
	if f.reversed {
		data = reversedBits{data} // reversed while reading, because thousands of blocks may share the whole file
	}
	switch f.compression {
	case compressionLZW:
		return lzw.NewReader(data, lzw.MSB, 8), nil
	case compressionDeflate, compressionOldDeflate:
		return zlib.NewReader(data)
	case compressionPackBits:
		return &packBits{from: bufio.NewReaderSize(data, 512)}, nil
	case compressionGroup3, compressionGroup4:
		format := ccitt.Group3
		if f.compression == compressionGroup4 {
			format = ccitt.Group4
		}
		// White runs become zeros, whether zero means white or black.
		return ccitt.NewReader(data, ccitt.MSB, format, f.blockW, rows, &ccitt.Options{Invert: true}), nil
	}
	return data, nil
}

// reversedBits reverses the bits of each byte.
type reversedBits struct{ from io.Reader }

func (r reversedBits) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	for i := range b[:n] {
		b[i] = bits.Reverse8(b[i])
	}
	return n, err
}

// packBits decompresses runs: a byte n up to 127 is followed by n+1 bytes, one above 128 by a byte to be repeated 257-n times.
type packBits struct {
	from   *bufio.Reader
	left   int  // remaining bytes of the run
	repeat bool // the run repeats value
	value  byte
}

func (p *packBits) Read(b []byte) (int, error) {
	for i := range b {
		for p.left == 0 {
			if err := p.begin(); err != nil {
				return i, err
			}
		}
		if !p.repeat {
			v, err := p.from.ReadByte()
			if err != nil {
				return i, err
			}
			p.value = v
		}
		b[i] = p.value
		p.left--
	}
	return len(b), nil
}

// begin reads the header of the next run. 128 is skipped.
func (p *packBits) begin() error {
	n, err := p.from.ReadByte()
	if err != nil || n == 128 {
		return err
	}
	p.left, p.repeat = int(n)+1, n > 128
	if p.repeat {
		p.left = 257 - int(n)
		p.value, err = p.from.ReadByte()
	}
	return err
}

// undoPredictor adds to each sample that of the previous pixel.
func (f *tiffFile) undoPredictor(raw []byte, perPlane int) {
	if f.bits == 8 {
		for i := perPlane; i < len(raw); i++ {
			raw[i] += raw[i-perPlane]
		}
		return
	}
	for i := 2 * perPlane; i+2 <= len(raw); i += 2 {
		f.order.PutUint16(raw[i:], f.order.Uint16(raw[i:])+f.order.Uint16(raw[i-2*perPlane:]))
	}
}

// unpack converts the samples of a row to bytes, perPlane samples per pixel. Of 16 bits it keeps the upper byte. Samples of fewer
// than 8 bits are not scaled.
func (f *tiffFile) unpack(samples, raw []byte, perPlane int) {
	if f.bits == 8 && perPlane == f.samples {
		copy(samples, raw)
		return
	}
	for i := range f.blockW * perPlane {
		to := i/perPlane*f.samples + i%perPlane
		switch f.bits {
		case 8:
			samples[to] = raw[i]
		case 16:
			samples[to] = byte(f.order.Uint16(raw[2*i:]) >> 8)
		default:
			at := i * f.bits
			samples[to] = raw[at/8] >> (8 - f.bits - at%8) & (1<<f.bits - 1)
		}
	}
}

// colour converts samples of pixels to BGR, in Pillow's arithmetic.
func (f *tiffFile) colour(bgr, samples []byte) {
	for ; len(bgr) >= 3; bgr, samples = bgr[3:], samples[f.samples:] {
		switch f.photometric {
		case trueColour:
			bgr[0], bgr[1], bgr[2] = samples[2], samples[1], samples[0]
		case paletted:
			i, n := int(samples[0]), len(f.palette)/3
			bgr[0], bgr[1], bgr[2] = upperByte(f.palette[2*n+i]), upperByte(f.palette[n+i]), upperByte(f.palette[i])
		case separated:
			bgr[0], bgr[1], bgr[2] = ink(samples[2], samples[3]), ink(samples[1], samples[3]), ink(samples[0], samples[3])
		default:
			v := samples[0]
			if f.bits < 8 {
				v = byte(int(v) * 255 / (1<<f.bits - 1))
			}
			if f.photometric == whiteIsZero {
				v = 255 - v
			}
			bgr[0], bgr[1], bgr[2] = v, v, v
		}
		if f.premultiplied {
			straighten(bgr[:3], samples[f.colours()])
		}
	}
}

// colours returns the number of samples per pixel without extra samples.
func (f *tiffFile) colours() int {
	switch f.photometric {
	case whiteIsZero, blackIsZero, paletted:
		return 1
	case trueColour:
		return 3
	case separated:
		return 4
	}
	return 0 // unsupported
}

func upperByte(v float64) byte { return byte(uint16(v) >> 8) }

// ink returns the RGB value for an ink (cyan, magenta or yellow) and black.
func ink(part, black byte) byte {
	left := 255 - int(black)
	t := int(part)*left + 128
	return byte(max(0, left-(t>>8+t)>>8))
}

// straighten divides a premultiplied colour by its alpha.
func straighten(bgr []byte, alpha byte) {
	for i, v := range bgr {
		if alpha == 0 {
			bgr[i] = 0
		} else {
			bgr[i] = byte(min(255, int(v)*255/int(alpha)))
		}
	}
}
