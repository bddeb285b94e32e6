// Package tile cuts large pictures into overlapping tiles and merges the boxes that a detector finds in them, as the Python package sahi does
// (slicing aided hyper inference, https://github.com/obss/sahi).
//
//	options.go  tile size, overlap and merging, with their defaults and limits
//	slices.go   the rectangles of the tiles
//	merge.go    non-maximum suppression and greedy non-maximum merging
//	grid.go     which boxes overlap, without comparing all pairs
//
// Rectangles are in pixels, boxes are continuous (geom.Continuous).
package tile
