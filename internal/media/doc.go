// Package media gives the images that the arguments of a command stand for, one after the other, whatever they are: files, folders, patterns, lists,
// archives, standard input, http and https addresses, videos, cameras.
//
// [List] expands arguments to sources without decoding anything, so that names of outputs can be checked first. [Images] decodes the images of sources
// ahead of the loop that uses them, in their order. An image that cannot be read has an error instead of pixels; the next ones follow.
//
// # Memory
//
// Images in memory that the loop has not got yet are bounded by number and bytes ([Options]). Files are at most 64 MiB long, archives are read in place,
// and streams have one frame in memory.
package media
