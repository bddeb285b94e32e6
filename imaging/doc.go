// Package imaging reads, resizes, normalises, draws on and writes images, and is the only package that imports gocv.
//
// [Decode] and [Load] are safe for untrusted input. They check format, structure and the declared size, which [Limits] bounds, before any decoder runs, and
// apply the EXIF orientation. Errors in the input are one of three, for errors.Is: [ErrUnsupported], [ErrTooLarge], [ErrCorrupt].
//
//	JPEG                   libjpeg-turbo, after a walk over its markers: the pixels of OpenCV in half of its time
//	PNG, WebP              OpenCV, after a walk over their chunks
//	GIF, BMP               Go decoders
//	TIFF                   this package's reader, with Go decompressors
//
// Only the first frame of an animation, or the first page, is read. docs/data.md lists the supported variants of each format.
//
// Pictures beyond these limits are read in [Strips]: TIFF by this package's reader, baseline JPEG with libjpeg-turbo's scanlines, both in memory for the rows
// that are needed. The coefficients of a progressive JPEG are needed at once and may take 1 GiB.
//
// An [Image] is a Go slice of BGR bytes (OpenCV's channel order) and needs no Close. Only the methods that draw change their receiver, so images can be
// shared between goroutines and cached.
//
// Two ways lead from an image to a model input, with different results:
//
//	n.FillResized(dst, stride, m, placing)      float32 throughout: what torchvision computes, to 1e-5
//	r, _ := m.Resize(w, h); n.Fill(dst, ...)    rounds to bytes in between: up to 1/255/std away, faster
//
// Both write rows of RGB float32 with a given stride, so that an image can be written into a padded NHWC batch. The padding is not changed. Both are defined
// in package raster, which devices that preprocess share (nn.Preprocess). [Fit] is torchvision's rule for the size.
// Other published detectors were trained on images resized otherwise: [Resize] has the kinds, [Fitting] the rules for the size.
//
// Training changes images at random: [Image.Adjusted] their colours, [Image.Rotated] and [Image.ResizePart] their geometry, as torchvision does to within
// one grey level. testdata/augment.py has the golden values. Rotated and resized parts take as long as they have pixels.
//
// Pixels and orientation are those of Pillow's ImageOps.exif_transpose(im).convert("RGB"), which testdata/matrix.py generates for every format, mode and
// compression. Alpha is dropped, so a transparent pixel has its stored colour. There are two differences: 16-bit grey keeps its upper byte (Pillow
// clips at 255), and unreadable EXIF is ignored.
//
// # Caveats
//
// Colour profiles are ignored. CMYK is converted by formula. A JPEG with an end-of-image marker but too little scan data decodes with grey blocks, as
// in browsers; a JPEG without that marker is an error. AVIF, JPEG 2000, and arithmetic-coded, lossless and 12-bit JPEG are unsupported.
//
// Building needs three OpenCV modules, libjpeg-turbo and the settings of scripts/env.sh.
package imaging
