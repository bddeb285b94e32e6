// Package similar finds near copies among the images of a data set: the same picture saved again, resized, brightened or cropped by a
// few percent, and frames of a video that hardly differ. If near copies are in the training and in the validation part, the
// validation part measures what the model remembers.
//
// Candidates are images whose perceptual hashes (pHash, 64 bits, as in the Python package imagehash) differ in at most 10 bits.
// They are found by four tables of 16 bits, because two hashes that differ in 10 bits differ in at most 2 of one of these. A
// candidate is confirmed on grey thumbnails of 64 x 64 pixels: one must be the other but for brightness, contrast and a small shift
// and stretch. What this leaves unexplained is compared with the contrast of the thumbnail, as a whole and in each of 49 cells: of
// two cards on one table the table is the same, and the cells of the cards are not.
//
// Thresholds are set on real images (similar_test.go, docs/data.md). Mirrored and rotated images are not found, and colour does not count.
package similar
