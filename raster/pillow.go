package raster

import (
	"cmp"
	"encoding/binary"
	"image"
	"math"
)

// ResizePillow returns the image at w x h pixels, equal to Pillow's Image.resize((w, h), BILINEAR) bit for bit. The resize is antialiased: the
// triangle filter is as much wider as the image becomes smaller. Rows are resized first, then columns, both in fixed point with bytes in between.
// A side that keeps its size is not filtered. If both do, p itself is returned.
//
// This is Pillow up to version 12, with which published detectors were trained. Pillow 13 resizes columns first where the height shrinks by more
// than twice as many pixels as the width, which changes roundings.
func ResizePillow(p Image, w, h int) (Image, error) {
	return ResizePillowPart(p, w, h, image.Rect(0, 0, w, h))
}

// ResizePillowPart returns a part of what ResizePillow returns. The part is in pixels of the resized image. Only its pixels are computed.
func ResizePillowPart(p Image, w, h int, part image.Rectangle) (Image, error) {
	if err := cmp.Or(p.Check(), checkPart(w, h, part)); err != nil {
		return Image{}, err
	}
	columns, firstX, endX := partOfLine(p.W, w, part.Min.X, part.Max.X)
	rows, firstY, endY := partOfLine(p.H, h, part.Min.Y, part.Max.Y)
	p = p.crop(image.Rect(firstX, firstY, endX, endY))
	if columns != nil {
		p = resizeWidth(p, columns)
	}
	if rows != nil {
		p = resizeHeight(p, rows)
	}
	return p, nil
}

// partOfLine returns the windows of the samples from first to before end of a line of size samples that is resized to n, and the part of the line
// that they use. The windows count from its start. A line that keeps its size has no windows.
func partOfLine(size, n, first, end int) (part []window, from, to int) {
	if size == n {
		return nil, first, end
	}
	part = triangleFilter(size, n)[first:end]
	from = part[0].first
	for i, w := range part {
		part[i].first, to = w.first-from, max(to, w.first+len(w.weights))
	}
	return part, from, to
}

// filterBits is the precision of Pillow's fixed-point weights.
const filterBits = 32 - 8 - 2

// Two 32-bit sums share a uint64 in what follows: no weight of the triangle filter is negative, and the sum of 255 times each stays below 2^32.
const (
	twoBytes  = 0x000000ff_000000ff                    // a byte in each half
	twoHalves = 1<<(filterBits-1) | 1<<(filterBits+31) // 0.5 in each half, so that the shift rounds
)

// window is the part of a line that a resized sample is computed from: weights of the samples from first on.
type window struct {
	first   int
	weights []uint64
}

// triangleFilter returns the windows of n samples resized from a line of size samples. The operations and their order are those of Pillow.
func triangleFilter(size, n int) []window {
	scale := float64(size) / float64(n)
	support := max(scale, 1)
	inverse := 1 / support
	widest := 2*int(math.Ceil(support)) + 1
	all, backing, weights := make([]window, n), make([]uint64, 0, n*widest), make([]float64, widest)
	for i := range all {
		centre := (float64(i) + 0.5) * scale
		first := max(0, int(centre-support+0.5))
		last := min(size, int(centre+support+0.5))
		sum := 0.0
		for x := first; x < last; x++ {
			weight := max(0, 1-math.Abs((float64(x)-centre+0.5)*inverse))
			weights[x-first] = weight
			sum += weight
		}
		at := len(backing)
		for _, weight := range weights[:last-first] {
			backing = append(backing, uint64(0.5+weight/sum*(1<<filterBits)))
		}
		all[i] = window{first, backing[at:len(backing):len(backing)]}
	}
	return all
}

// resizeWidth resizes rows, two at a time.
func resizeWidth(p Image, filter []window) Image {
	out := blank(len(filter), p.H)
	inParallel((p.H+1)/2, func(first, end int) {
		pair := make([]uint64, 3*p.W)
		for i := first; i < end; i++ {
			a, b := 2*i, min(2*i+1, p.H-1)
			interleave(pair, p.row(a), p.row(b))
			filterRows(out.row(a), out.row(b), pair, filter)
		}
	})
	return out
}

// interleave puts the bytes of two rows into the halves of each value.
func interleave(pair []uint64, a, b []uint8) {
	a, b = a[:len(pair)], b[:len(pair)]
	for i := range pair {
		pair[i] = uint64(a[i]) | uint64(b[i])<<32
	}
}

// filterRows resizes two interleaved rows of pixels.
func filterRows(dstA, dstB []uint8, pair []uint64, filter []window) {
	for _, w := range filter {
		blue, green, red := uint64(twoHalves), uint64(twoHalves), uint64(twoHalves)
		source := pair[3*w.first:]
		for _, weight := range w.weights {
			s := source[:3:len(source)]
			blue += s[0] * weight
			green += s[1] * weight
			red += s[2] * weight
			source = source[3:]
		}
		blue, green, red = bytesOf(blue), bytesOf(green), bytesOf(red)
		a, b := dstA[:3:len(dstA)], dstB[:3:len(dstB)]
		a[0], a[1], a[2] = uint8(blue), uint8(green), uint8(red)
		b[0], b[1], b[2] = uint8(blue>>32), uint8(green>>32), uint8(red>>32)
		dstA, dstB = dstA[3:], dstB[3:]
	}
}

// bytesOf rounds both sums to bytes. Rounded weights may add up to a little more than 1, so that 256 is possible and becomes 255.
func bytesOf(sums uint64) uint64 {
	v := sums >> filterBits & 0x000001ff_000001ff
	return v - v>>8&0x00000001_00000001
}

// resizeHeight resizes columns, eight bytes at a time.
func resizeHeight(p Image, filter []window) Image {
	out := blank(p.W, len(filter))
	inParallel(out.H, func(first, end int) {
		for y := first; y < end; y++ {
			filterColumns(out.row(y), p.Pix[3*p.W*filter[y].first:], filter[y].weights)
		}
	})
	return out
}

// filterColumns writes a row from len(weights) rows of src, which have the length of dst.
func filterColumns(dst, src []uint8, weights []uint64) {
	stride, x := len(dst), 0
	for ; x+8 <= stride; x += 8 {
		// Of eight bytes, bytes i and i+4 share sum i.
		s0, s1, s2, s3 := uint64(twoHalves), uint64(twoHalves), uint64(twoHalves), uint64(twoHalves)
		at := x
		for _, weight := range weights {
			v := binary.LittleEndian.Uint64(src[at:])
			s0 += v & twoBytes * weight
			s1 += v >> 8 & twoBytes * weight
			s2 += v >> 16 & twoBytes * weight
			s3 += v >> 24 & twoBytes * weight
			at += stride
		}
		binary.LittleEndian.PutUint64(dst[x:], bytesOf(s0)|bytesOf(s1)<<8|bytesOf(s2)<<16|bytesOf(s3)<<24)
	}
	for ; x < stride; x++ {
		sum := uint64(1 << (filterBits - 1))
		for i, weight := range weights {
			sum += uint64(src[i*stride+x]) * weight
		}
		dst[x] = uint8(bytesOf(sum))
	}
}
