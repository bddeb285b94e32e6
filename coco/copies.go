package coco

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

// copies finds images with identical files. It maps each such image to the list of all images with the same bytes. Only files of
// equal length are read. Missing files are skipped.
func (d *Dataset) copies() (map[int][]int, error) {
	byLength := make(map[int64][]int)
	for i := range d.Images {
		if info, err := os.Stat(d.ImagePath(i)); err == nil && info.Mode().IsRegular() {
			byLength[info.Size()] = append(byLength[info.Size()], i)
		}
	}
	var same []int // images whose file length is not unique
	for _, list := range byLength {
		if len(list) > 1 {
			same = append(same, list...)
		}
	}
	sums, errs := make([][sha256.Size]byte, len(same)), make([]error, len(same))
	parallel(len(same), func(_ *struct{}, k int) { sums[k], errs[k] = digest(d.ImagePath(same[k])) })
	bySum := make(map[[sha256.Size]byte][]int)
	for k, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: images[%d]: %w", d.Path, d.ImagePlace(same[k]), err)
		}
		bySum[sums[k]] = append(bySum[sums[k]], same[k])
	}
	copies := make(map[int][]int)
	for _, list := range bySum {
		if len(list) > 1 {
			for _, i := range list {
				copies[i] = list
			}
		}
	}
	return copies, nil
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
