// Package checkpoint reads and writes named tensors in files.
//
// The format is safetensors: eight bytes of header length, a JSON header (name, dtype,
// shape, byte range), then the bytes of all tensors. [Save] writes a [File]. [Load] reads
// a complete file. [Open] reads only the header; the [Reader] then reads tensors on
// demand. [WriteAtomic] replaces files atomically, so a reader sees the old or the new
// file, never a part.
//
// [LoadPTH] reads PyTorch's .pth files and [SavePTH] writes them; only `scalenet convert`
// uses them. A .pth file is a pickle, that is a program. The interpreter in this package
// supports only tensors and containers and calls no other code. Its memory is limited to
// a small multiple of the file's size. [LoadPKL] reads the pickles of NumPy arrays of
// detectron2's model zoo in the same way, and [LoadAny] each of these formats.
//
// A file that [Describe] wrote metadata for also has a [Digest] of its content, with which
// [Reader.Verify] detects every flipped bit.
//
// [Match] compares the tensors of a file with those of a model by name and shape. All
// loaders return its [Report].
//
// Caveats:
//   - The header is checked completely before a tensor is read. Byte ranges that
//     overlap, leave a gap or exceed the file, sizes that do not match dtype and shape,
//     duplicate names, and text that is not UTF-8 are errors that name the file, the tensor
//     and the value. Values are not checked: package nn rejects NaN and infinity.
//   - The order of tensors is that of the header, on reading and on writing.
//     In the data area they are sorted by element size, as the reference
//     implementation does, so that every tensor is aligned.
//   - Data is little-endian bytes, as in the file; [Tensor.Float32s] converts.
//     A conversion to a narrower type rounds to nearest, ties to even.
package checkpoint
