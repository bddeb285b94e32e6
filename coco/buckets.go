package coco

import (
	"cmp"
	"math"
	"slices"

	"scalenet/geom"
)

// bucket is a group of images of similar aspect ratio. All batches of a bucket are padded to one size per scale, so that a model is
// compiled for few input shapes.
type bucket struct {
	images []int       // indices into the data set, ascending
	sizes  []geom.Size // padded size at each scale of Config.Shorter
}

// shape is a padded size with the images whose padded size it is.
type shape struct {
	geom.Size
	images []int
}

// makeBuckets divides images of the given sizes into at most cfg.Buckets groups that minimise the number of pixels per epoch,
// padding included. Groups are runs of shapes sorted by aspect ratio, found by dynamic programming. Images that are repeated to
// fill the last batch of a group count, so that no group is too small.
func makeBuckets(cfg *LoaderConfig, images []int, size func(i int) geom.Size) []bucket {
	shapes := distinctShapes(cfg, images, size)
	n := len(shapes)
	// best[k][j]: the cost of the first j shapes in k runs; cut[k][j]: where the last run begins.
	best, cut := make([][]float64, cfg.Buckets+1), make([][]int, cfg.Buckets+1)
	for k := range best {
		best[k], cut[k] = make([]float64, n+1), make([]int, n+1)
		for j := range best[k] {
			best[k][j] = math.Inf(1)
		}
	}
	best[0][0] = 0
	for from := range n {
		var cover geom.Size
		count := 0
		for to := from + 1; to <= n; to++ {
			s := &shapes[to-1]
			cover, count = union(cover, s.Size), count+len(s.images)
			cost := float64(cover.W) * float64(cover.H) * float64(cfg.filled(count))
			for k := range cfg.Buckets {
				if c := best[k][from] + cost; c < best[k+1][to] {
					best[k+1][to], cut[k+1][to] = c, from
				}
			}
		}
	}
	k := 0
	for i := range best {
		if best[i][n] < best[k][n] { // the fewest runs of equal cost
			k = i
		}
	}
	var buckets []bucket
	for to := n; to > 0; k-- {
		from := cut[k][to]
		var b bucket
		for _, s := range shapes[from:to] {
			b.images = append(b.images, s.images...)
		}
		slices.Sort(b.images)
		b.sizes = paddedSizes(cfg, b.images, size)
		buckets = append(buckets, b)
		to = from
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return cmp.Compare(a.images[0], b.images[0]) })
	return buckets
}

// distinctShapes groups images by their padded size at the largest scale, from tall to wide.
func distinctShapes(cfg *LoaderConfig, images []int, size func(i int) geom.Size) []shape {
	largest := slices.Max(cfg.Shorter)
	at := make(map[geom.Size]int)
	var shapes []shape
	for _, i := range images {
		s := cfg.padded(cfg.fit(size(i), largest))
		k, ok := at[s]
		if !ok {
			k = len(shapes)
			at[s] = k
			shapes = append(shapes, shape{Size: s})
		}
		shapes[k].images = append(shapes[k].images, i)
	}
	slices.SortFunc(shapes, func(a, b shape) int {
		return cmp.Or(cmp.Compare(a.W*b.H, b.W*a.H), cmp.Compare(a.W, b.W), cmp.Compare(a.H, b.H))
	})
	return shapes
}

// paddedSizes returns the smallest padded size that holds all the images, for each scale.
func paddedSizes(cfg *LoaderConfig, images []int, size func(i int) geom.Size) []geom.Size {
	sizes := make([]geom.Size, len(cfg.Shorter))
	for k, shorter := range cfg.Shorter {
		for _, i := range images {
			sizes[k] = union(sizes[k], cfg.padded(cfg.fit(size(i), shorter)))
		}
	}
	return sizes
}

func union(a, b geom.Size) geom.Size { return geom.Size{W: max(a.W, b.W), H: max(a.H, b.H)} }

// fit returns the size of an image in the network input, before padding.
func (c *LoaderConfig) fit(s geom.Size, shorter int) geom.Size {
	w, h := c.Rounding.Fit(s.W, s.H, shorter, c.Longest)
	return geom.Size{W: w, H: h}
}

// padded rounds a size up to multiples of the divisor, and to MinSide.
func (c *LoaderConfig) padded(s geom.Size) geom.Size {
	up := func(v int) int { return (max(v, c.MinSide) + c.Divisor - 1) / c.Divisor * c.Divisor }
	return geom.Size{W: up(s.W), H: up(s.H)}
}

// filled returns n rounded up to full batches if images are repeated.
func (c *LoaderConfig) filled(n int) int {
	if c.Repeat {
		n = (n + c.Batch - 1) / c.Batch * c.Batch
	}
	return n
}
