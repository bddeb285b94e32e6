package imaging

import (
	"fmt"
	"io"
)

// tiffRows reads a TIFF row by row: strips as they are decompressed, tiles by rows of tiles.
type tiffRows struct {
	tiffFile
	y     int
	strip *tiffBlock
	tiles *Image // the current row of tiles
}

// maxTileRow is the maximum memory of a row of tiles.
const maxTileRow = 1 << 30

func openTIFFRows(from io.ReaderAt, size int64, limits Limits) (rowReader, header, error) {
	f, err := readTIFF(from, size, limits)
	if err != nil {
		return nil, header{}, err
	}
	if n := f.w * 3 * min(f.blockH, f.h); f.tiled && n > maxTileRow {
		return nil, header{}, fmt.Errorf("%w: a row of its tiles of %dx%d pixels takes %d bytes, %d are allowed", ErrTooLarge, f.blockW, f.blockH, n, maxTileRow)
	}
	return &tiffRows{tiffFile: f}, f.header(), nil
}

func (r *tiffRows) next(bgr []byte) error {
	at := r.y % r.blockH
	if at == 0 {
		if err := r.begin(r.y / r.blockH); err != nil {
			return err
		}
	}
	r.y++
	if r.tiled {
		copy(bgr, r.tiles.Pix[at*r.w*3:])
		return nil
	}
	return r.strip.next(bgr)
}

// begin opens a strip, or reads a row of tiles.
func (r *tiffRows) begin(row int) (err error) {
	if !r.tiled {
		r.strip, err = r.block(row)
		return err
	}
	if r.tiles == nil {
		r.tiles = New(r.w, min(r.blockH, r.h))
	}
	for i := range r.blocksAcross {
		if err := r.readBlock(r.tiles, r.y, row*r.blocksAcross+i); err != nil {
			return err
		}
	}
	return nil
}

func (*tiffRows) finish() error { return nil }
func (*tiffRows) close()        {}
