// Package imaging reads, resizes, normalises, draws on and writes images, and is the only package that imports gocv.
//
// [Decode] and [Load] take bytes that anybody may have sent. Format, size and structure are checked before a decoder sees
// them; the declared size is held against [Limits]; EXIF orientation is applied. What can go wrong is one of three errors,
// for errors.Is: [ErrUnsupported], [ErrTooLarge], [ErrCorrupt].
//
//	JPEG, PNG, WebP        OpenCV, after a walk over their markers or chunks
//	GIF, BMP               Go decoders
//	TIFF                   our own reader over Go decompressors
//
// Of an animation or several pages the first is read. docs/data.md lists what is read of each format.
//
// An [Image] is a Go slice of BGR bytes, OpenCV's order, so nothing needs closing and no image outlives its owner. No method
// changes its receiver, but for the ones that draw: images can be shared between goroutines and cached.
//
// From an image to a network's input there are two ways, and they are not equal:
//
//	n.FillResized(dst, stride, m, placing)      float32 throughout: what torchvision computes, to 1e-5
//	r, _ := m.Resize(w, h); n.Fill(dst, ...)    rounds to bytes in between: up to 1/255/std away, faster
//
// Both write rows of RGB float32 at a stride of the caller's choice, which is how an image lands in a padded NHWC batch. The
// padding is not touched. Both are defined in package raster, for devices that do it themselves (nn.Preprocess). [Fit] is torchvision's rule for the size.
//
// Pixels and orientation are those of Pillow's ImageOps.exif_transpose(im).convert("RGB"), which testdata/matrix.py generates
// for every format, mode and compression. Alpha is dropped: a transparent pixel shows the colour stored beneath it. Two things
// differ: grey of 16 bits keeps its upper byte (Pillow clips it at 255), and EXIF that cannot be read means upright.
//
// Caveats. Colour profiles are ignored. CMYK is converted by formula. A JPEG whose end-of-image marker is there but whose scan
// data is short decodes with grey blocks, as in any browser; one that was cut off is refused. AVIF, JPEG 2000,
// arithmetic-coded, lossless and 12-bit JPEG are unsupported.
//
// Building needs three OpenCV modules and the settings of scripts/env.sh.
package imaging
