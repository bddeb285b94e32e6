// Package checkpoint reads and writes named tensors in files.
//
// The format of the project is safetensors: eight bytes of header length, a
// JSON header (name, dtype, shape, byte range), then the bytes of all tensors.
// [Save] writes a [File]; [Load] reads one whole; [Open] reads only the header
// and fetches tensors when asked. Files are replaced atomically, so a reader
// sees the old file or the new one, never a part of one ([WriteAtomic]).
//
// PyTorch's .pth files are read by [LoadPTH] and written by [SavePTH]. Only
// `scalenet convert` uses them: a .pth is a pickle, which is a program. Ours
// is run by an interpreter that knows tensors and containers and calls nothing
// else, and in which every step pays for its memory: a file that asks for a few
// times more than it has bytes is an error.
//
// Files with metadata of ours get a [Digest] of all that they say, and reading
// one finds every flipped bit ([Reader.Verify]).
//
// [Match] compares what a file has with what a model wants, by name and
// shape; every loader reports through it.
//
// Caveats:
//   - Every byte of a header is checked before a tensor is touched: ranges
//     that overlap, leave a hole or leave the file, sizes that disagree with
//     dtype and shape, duplicate names and text that is not UTF-8 are errors
//     that name the file, the tensor and the value. Values are not checked here:
//     package nn refuses parameters that are not finite.
//   - The order of tensors is that of the header, on reading and on writing.
//     In the data area they are sorted by element size, as the reference
//     implementation does, so that every tensor is aligned.
//   - Data is little-endian bytes, as in the file; [Tensor.Float32s] converts.
//     A conversion to a narrower type rounds to nearest, ties to even.
package checkpoint
