package coco

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"
)

// copies finds images with identical files: lists of all images with the same bytes. Missing files are skipped.
func (d *Dataset) copies(ctx context.Context) ([][]int, error) {
	paths := make([]string, len(d.Images))
	for i := range d.Images {
		paths[i] = d.ImagePath(i)
	}
	return sameBytes(ctx, paths, func(i int, err error) error { return d.imageError(i, err) })
}

// imageError is an error of the file of image i.
func (d *Dataset) imageError(i int, err error) error {
	return fmt.Errorf("%s: images[%d]: %w", d.Path, d.ImagePlace(i), err)
}

// sameBytes groups files with the same bytes, in the order of the paths. Only files of equal length are read. Files that do not
// exist are skipped. fault words the error of reading a file.
func sameBytes(ctx context.Context, paths []string, fault func(i int, err error) error) (groups [][]int, err error) {
	byLength := make(map[int64][]int)
	for i, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			byLength[info.Size()] = append(byLength[info.Size()], i)
		}
	}
	var same []int // files whose length is not unique
	for _, list := range byLength {
		if len(list) > 1 {
			same = append(same, list...)
		}
	}
	slices.Sort(same)
	sums, errs := make([][sha256.Size]byte, len(same)), make([]error, len(same))
	parallel(len(same), func(_ *struct{}, k int) {
		if ctx.Err() == nil {
			sums[k], errs[k] = digest(paths[same[k]])
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	bySum := make(map[[sha256.Size]byte][]int)
	for k, err := range errs {
		if err != nil {
			return nil, fault(same[k], err)
		}
		bySum[sums[k]] = append(bySum[sums[k]], same[k])
	}
	for _, list := range bySum {
		if len(list) > 1 {
			groups = append(groups, list)
		}
	}
	slices.SortFunc(groups, func(a, b []int) int { return a[0] - b[0] })
	return groups, nil
}

func digest(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
