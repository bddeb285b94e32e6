package imaging

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// The tags of a TIFF file that say how its pixels are stored (TIFF 6.0).
const (
	tagWidth        = 256
	tagHeight       = 257
	tagBits         = 258
	tagCompression  = 259
	tagPhotometric  = 262
	tagFillOrder    = 266
	tagStripOffsets = 273
	tagSamples      = 277
	tagRowsPerStrip = 278
	tagStripCounts  = 279
	tagPlanar       = 284
	tagT4Options    = 292
	tagPredictor    = 317
	tagColorMap     = 320
	tagTileWidth    = 322
	tagTileHeight   = 323
	tagTileOffsets  = 324
	tagTileCounts   = 325
	tagExtraSamples = 338
	tagSampleFormat = 339
)

// The photometric interpretations that are read.
const (
	whiteIsZero = 0
	blackIsZero = 1
	trueColour  = 2
	paletted    = 3
	separated   = 5 // cyan, magenta, yellow, black
)

// tiffFile is the first directory of a TIFF file. Pixels are in blocks (strips or tiles), row by row.
type tiffFile struct {
	directory
	w, h, bits, samples     int
	photometric             int
	compression, predictor  int
	planes                  int // 1, or one per sample
	reversed                bool
	premultiplied           bool // by the first sample behind the colour
	palette                 []float64
	blockW, blockH          int
	tiled                   bool
	offsets, counts         []float64
	blocksAcross, blocksPer int // per row of blocks; per plane
}

func inspectTIFF(data []byte, limits Limits) (header, error) {
	f, err := readTIFF(bytes.NewReader(data), int64(len(data)), limits)
	if err != nil {
		return header{}, err
	}
	return f.header(), nil
}

// header returns the size and the orientation, which the directory has as in EXIF.
func (f *tiffFile) header() header {
	o, ok := f.orientation()
	return header{w: f.w, h: f.h, orientation: upright(o, ok, f.text(tagXMP))}
}

func readTIFF(from io.ReaderAt, size int64, limits Limits) (f tiffFile, err error) {
	if f.directory, err = readDirectory(from, size); err != nil {
		return f, err
	}
	if f.cut {
		return f, fmt.Errorf("%w: cut off after %d bytes, within its directory", ErrCorrupt, size)
	}
	r := tiffFields{directory: &f.directory}
	f.w, f.h = r.integer(tagWidth, 0), r.integer(tagHeight, 0)
	if r.err != nil {
		return f, r.err
	}
	if err := limits.Check(f.w, f.h); err != nil {
		return f, err
	}
	r.layout(&f)
	r.blocks(&f)
	return f, r.err
}

// tiffFields reads fields. After an error it reads nothing more.
type tiffFields struct {
	*directory
	err error
}

func (r *tiffFields) refuse(kind error, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{kind}, args...)...)
	}
}

// numbers returns up to most values of a tag, nil if it is absent.
func (r *tiffFields) numbers(tag uint16, most int) []float64 {
	e, ok := r.entries[tag]
	if !ok || r.err != nil {
		return nil
	}
	raw, ok := r.bytes(e, most)
	if !ok {
		r.refuse(ErrCorrupt, "cut off after %d bytes, before the values of tag %d", r.size, tag)
		return nil
	}
	var values []float64
	for length := typeBytes(e.kind); len(raw) > 0; raw = raw[length:] {
		values = append(values, r.number(e.kind, raw))
	}
	return values
}

// integer returns the first value of a tag, which must be a number up to 2^31.
func (r *tiffFields) integer(tag uint16, absent int) int {
	values := r.numbers(tag, 1)
	if len(values) == 0 {
		return absent
	}
	v := values[0]
	if !(v >= 0 && v <= 1<<31) || v != float64(int(v)) {
		r.refuse(ErrCorrupt, "tag %d is %s", tag, strconv.FormatFloat(v, 'f', -1, 64))
		return absent
	}
	return int(v)
}

// layout reads the samples of a pixel and their types.
func (r *tiffFields) layout(f *tiffFile) {
	f.samples = r.integer(tagSamples, 1)
	if f.samples < 1 || f.samples > 8 {
		r.refuse(ErrUnsupported, "%d samples per pixel", f.samples)
		return
	}
	f.bits = r.integer(tagBits, 1)
	for _, bits := range r.numbers(tagBits, f.samples) {
		if bits != float64(f.bits) {
			r.refuse(ErrUnsupported, "samples of %d and of %v bits", f.bits, bits)
		}
	}
	for _, kind := range r.numbers(tagSampleFormat, f.samples) {
		if kind != 1 {
			r.refuse(ErrUnsupported, "samples that are not unsigned integers (sample format %v)", kind)
		}
	}
	f.photometric = r.integer(tagPhotometric, whiteIsZero)
	colours := f.colours()
	if colours == 0 {
		r.refuse(ErrUnsupported, "photometric interpretation %d", f.photometric)
	}
	if f.samples < colours {
		r.refuse(ErrCorrupt, "%d samples per pixel with photometric interpretation %d", f.samples, f.photometric)
	}
	switch f.bits {
	case 8:
	case 1, 2, 4:
		if f.samples > 1 {
			r.refuse(ErrUnsupported, "%d samples of %d bits", f.samples, f.bits)
		}
	case 16:
		if f.photometric == paletted {
			r.refuse(ErrUnsupported, "a palette with 16 bits per sample")
		}
	default:
		r.refuse(ErrUnsupported, "%d bits per sample", f.bits)
	}
	const associated = 1
	f.premultiplied = f.samples > colours && r.integer(tagExtraSamples, 0) == associated
	if f.photometric == paletted && r.err == nil {
		if f.palette = r.numbers(tagColorMap, 3<<f.bits); len(f.palette) < 3<<f.bits {
			r.refuse(ErrCorrupt, "%d values in its palette instead of %d", len(f.palette), 3<<f.bits)
		}
	}
	r.coding(f)
}

// coding reads how the samples are ordered and compressed.
func (r *tiffFields) coding(f *tiffFile) {
	switch planar := r.integer(tagPlanar, 1); planar {
	case 1:
		f.planes = 1
	case 2:
		f.planes = f.samples
	default:
		r.refuse(ErrCorrupt, "planar configuration %d", planar)
	}
	f.reversed = r.integer(tagFillOrder, 1) == 2
	f.compression = r.integer(tagCompression, compressionNone)
	switch f.compression {
	case compressionNone, compressionLZW, compressionDeflate, compressionOldDeflate, compressionPackBits:
	case compressionGroup3, compressionGroup4:
		if f.bits*f.samples != 1 {
			r.refuse(ErrCorrupt, "fax compression of %d bits per pixel", f.bits*f.samples)
		}
		const twoDimensional, uncompressed = 1, 2
		if f.compression == compressionGroup3 && r.integer(tagT4Options, 0)&(twoDimensional|uncompressed) != 0 {
			r.refuse(ErrUnsupported, "two-dimensional group 3 compression")
		}
	default:
		r.refuse(ErrUnsupported, "compression %d", f.compression)
	}
	f.predictor = 1
	if f.compression == compressionLZW || f.compression == compressionDeflate || f.compression == compressionOldDeflate {
		f.predictor = r.integer(tagPredictor, 1)
	}
	if f.predictor != 1 && (f.predictor != 2 || f.bits < 8) {
		r.refuse(ErrUnsupported, "predictor %d with %d bits per sample", f.predictor, f.bits)
	}
}

// blocks reads where the pixels are.
func (r *tiffFields) blocks(f *tiffFile) {
	f.blockW, f.blockH = f.w, min(max(r.integer(tagRowsPerStrip, f.h), 1), f.h)
	offsets, counts := uint16(tagStripOffsets), uint16(tagStripCounts)
	if _, f.tiled = r.entries[tagTileWidth]; f.tiled {
		f.blockW, f.blockH = r.integer(tagTileWidth, 0), r.integer(tagTileHeight, 0)
		offsets, counts = tagTileOffsets, tagTileCounts
		// Widths and heights of tiles are multiples of 16, mostly 256 or 512. Smaller tiles, and tiles beyond the image, only
		// cost time.
		if most := max(1024, f.w+16, f.h+16); f.blockW < 16 || f.blockH < 16 || f.blockW > most || f.blockH > most {
			r.refuse(ErrCorrupt, "tiles of %dx%d pixels", f.blockW, f.blockH)
		}
	}
	if r.err != nil {
		return
	}
	f.blocksAcross = (f.w + f.blockW - 1) / f.blockW
	f.blocksPer = f.blocksAcross * ((f.h + f.blockH - 1) / f.blockH)
	n := f.blocksPer * f.planes
	f.offsets, f.counts = r.numbers(offsets, n), r.numbers(counts, n)
	if len(f.offsets) < n || f.counts != nil && len(f.counts) < n {
		r.refuse(ErrCorrupt, "%d positions and %d lengths for %d blocks of pixels", len(f.offsets), len(f.counts), n)
	}
}
