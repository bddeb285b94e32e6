//go:build gpu

package cuda

import (
	"errors"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/nn"
)

// Lists are segments of equal length that are sorted and suppressed at once: keys, of which the sort needs two, and what they stand for.
type lists struct {
	count, length int // of lists, of each
	keys, spare   shared
	boxes, area   shared
	ranks, kept   shared
}

// As in kernels/sort.cu.
const sortDigits, sortTile = 256, 2048

func (c *compiler) lists(count, length int) lists {
	n := count * length
	return lists{count, length, c.scratch(8 * n), c.scratch(8 * n), c.scratch(16 * n), c.scratch(4 * n), c.scratch(4 * n), c.scratch(4 * count)}
}

func (l lists) total() int { return l.count * l.length }

// sort sorts the keys of each list: four passes, after which they are where they were.
func (c *compiler) sort(l lists) error {
	tiles := (l.length + sortTile - 1) / sortTile
	blocks := l.count * tiles * threads
	counts := c.scratch(4 * l.count * tiles * sortDigits)
	from, to := l.keys, l.spare
	for shift := 32; shift < 64; shift += 8 {
		if err := errors.Join(
			c.step("sort_count", blocks, from, counts, l.length, tiles, shift),
			c.step("sort_offsets", l.count*threads, counts, tiles),
			c.step("sort_move", blocks, from, to, counts, l.length, tiles, shift)); err != nil {
			return err
		}
		from, to = to, from
	}
	return nil
}

// suppress leaves at the beginning of each list what NMS leaves of it, by the limits of its image, and at most so many rows.
func (c *compiler) suppress(l lists, limits engine.Tensor, rows int, coder geom.Coder) error {
	images := limits.Shape[0]
	return c.step("suppress", l.count*threads, l.boxes, l.area, l.ranks, l.kept, limits, l.length, l.count/images, rows, coder.Convention.Extra())
}

// coded is a kernel's last arguments.
func coded(c geom.Coder, arguments ...any) []any {
	w := c.Weights
	return append(arguments, c.Convention.Extra(), w[0], w[1], w[2], w[3])
}

func (c *compiler) proposals(op nn.Proposals) error {
	objectness, deltas, anchors, limits := c.in[0], c.in[1], c.in[2], c.in[3]
	if err := engine.CheckType(engine.Float32, append([]engine.Tensor{c.out}, c.in...)...); err != nil {
		return err
	}
	l := c.lists(limits.Shape[0], anchors.Shape[0])
	return errors.Join(
		c.step("proposal_keys", l.total(), objectness, l.keys, l.length, op.PerCell, op.Pairs, l.total()),
		c.sort(l),
		c.step("decode_proposals", l.total(), coded(op.Coder, l.keys, deltas, anchors, limits, l.boxes, l.area, l.length, op.MinLogit(), l.total())...),
		c.suppress(l, limits, op.Rows, op.Coder),
		c.step("put_regions", c.out.Shape[0], l.keys, l.boxes, l.ranks, l.kept, c.out, l.length, op.Rows, c.out.Shape[1], c.out.Shape[0]))
}

// topProposals sorts the rows of all levels of an image.
func (c *compiler) topProposals(op nn.TopProposals) error {
	levels, limits := c.in[:len(c.in)-1], c.in[len(c.in)-1]
	if err := engine.CheckType(engine.Float32, append([]engine.Tensor{c.out}, c.in...)...); err != nil {
		return err
	}
	images, length := limits.Shape[0], 0
	for _, level := range levels {
		length += level.Shape[0] / images
	}
	l := lists{count: images, length: length, keys: c.scratch(8 * images * length), spare: c.scratch(8 * images * length), boxes: c.scratch(16 * images * length)}
	first := 0
	for _, level := range levels {
		rows := level.Shape[0]
		if err := c.step("level_keys", rows, level, l.keys, l.boxes, first, rows/images, length, rows); err != nil {
			return err
		}
		first += rows / images
	}
	return errors.Join(
		c.sort(l),
		c.step("put_top", c.out.Shape[0], l.keys, l.boxes, limits, c.out, length, op.Rows, c.out.Shape[0]))
}

// detections has a list for each image's class, then one for each image of what is left of those.
func (c *compiler) detections(op nn.Detections) error {
	logits, deltas, regions, limits := c.in[0], c.in[1], c.in[2], c.in[3]
	if err := engine.CheckType(engine.Float32, append([]engine.Tensor{c.out}, c.in...)...); err != nil {
		return err
	}
	images, rows, classes := limits.Shape[0], regions.Shape[0], logits.Shape[1]-1
	l := c.lists(images*classes, rows/images)
	all := lists{count: images, length: l.total() / images, keys: c.scratch(8 * l.total()), spare: l.spare}
	scores, places, found := c.scratch(4*size(logits)), c.scratch(4*l.total()), images*op.Rows
	return errors.Join(
		c.step("class_scores", rows, logits, scores, classes+1, rows),
		c.step("detection_keys", l.total(), scores, regions, limits, l.keys, classes, l.length, l.total()),
		c.sort(l),
		c.step("decode_detections", l.total(), coded(op.Coder, l.keys, deltas, regions, limits, l.boxes, l.area, classes, l.length, deltas.Shape[1], l.total())...),
		c.suppress(l, limits, op.Rows, op.Coder),
		c.step("absent_keys", all.total(), all.keys, all.total()),
		c.step("kept_keys", l.total(), l.keys, l.ranks, l.kept, all.keys, places, classes, l.length, l.total()),
		c.sort(all),
		c.step("put_detections", found, all.keys, places, l.boxes, limits, c.out, classes, all.length, op.Rows, found))
}
