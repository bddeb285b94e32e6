package backbone

import (
	"fmt"

	"scalenet/nn"
)

// saBlock is a bottleneck whose 3x3 convolution is a scale aggregation block.
type saBlock struct {
	name       string
	planes     int
	stride     int
	scales     []int // pool sizes
	downsample Downsample
	row        []int // a row of Structure: neurons per scale, then the nominal height and width
	literal    bool
}

func (b saBlock) build(g *nn.Graph, x *nn.Node) *nn.Node {
	if b.stride > 1 {
		x = nn.MaxPool(x, b.stride, b.stride, 0)
	}
	shortcut := x
	if b.stride > 1 || x.Shape()[3] != expansion*b.planes {
		shortcut = g.Norm(g.Conv(x, b.name+".downsample.0", expansion*b.planes, 1, nn.Conv2D{Stride: 1}), b.name+".downsample.1")
	}
	x = nn.Relu(g.Norm(g.Conv(x, b.name+".conv1", b.planes, 1, nn.Conv2D{Stride: 1}), b.name+".bn1"))
	branches := b.branches(g, x)
	if b.literal {
		return nn.Relu(nn.Sum(shortcut, b.aggregateLiterally(g, x, branches)))
	}
	return nn.Relu(b.aggregate(g, x, branches, shortcut))
}

// branch is one scale of the block: its convolution at the pooled resolution.
type branch struct {
	scale    int
	channels int
	conv     *nn.Node
}

// branches adds one branch per scale: downsampling and the convolution. A scale without neurons has no branch.
func (b saBlock) branches(g *nn.Graph, x *nn.Node) (list []branch) {
	pooled := map[int]*nn.Node{1: x}
	for i, size := range b.scales {
		if b.row[i] == 0 {
			continue
		}
		kernel := branchKernel(b.row[len(b.row)-1], i)
		y, conv := b.downsample.apply(x, pooled, size, kernel)
		list = append(list, branch{i, b.row[i], g.Conv(y, fmt.Sprintf("%s.conv2.%d", b.name, i), b.row[i], kernel, conv)})
	}
	return list
}

// aggregate resizes the branches, concatenates them, applies conv3 and adds the shortcut, but in a cheaper order in which each branch stays at its own
// resolution as long as possible:
//
//   - The convolution of a concatenation is the sum of the convolutions of the branches.
//   - A 1x1 convolution commutes with any resize.
//   - BatchNorm and ReLU commute with a resize that repeats pixels.
func (b saBlock) aggregate(g *nn.Graph, x *nn.Node, branches []branch, shortcut *nn.Node) *nn.Node {
	norm := g.NormParams(b.name+".bn3", expansion*b.planes)
	frozen := !g.BatchStatistics(norm)
	var sum *nn.Node
	if frozen {
		sum = shortcut
	}
	weight := b.conv3(g, branches)
	from := 0
	for i, br := range branches {
		y := b.activate(g, br, x)
		z := nn.Conv(y, slice(weight, from, from+br.channels), nil, nn.Conv2D{Stride: 1})
		from += br.channels
		if frozen {
			z = nn.FrozenNormTerm(z, norm, i == 0)
		}
		z = resizeLike(z, x)
		if sum == nil {
			sum = z
		} else {
			sum = nn.Sum(sum, z)
		}
	}
	if frozen {
		return sum
	}
	return nn.Sum(shortcut, g.Norm(sum, b.name+".bn3"))
}

// activate applies BatchNorm and ReLU to a branch: at its own resolution if resizing to x's size only repeats pixels, else after the resize.
func (b saBlock) activate(g *nn.Graph, br branch, x *nn.Node) *nn.Node {
	name := fmt.Sprintf("%s.bn2.%d", b.name, br.scale)
	if repeat, exact := repeats(br.conv, x); exact {
		return nn.Relu(g.RepeatedNorm(br.conv, name, repeat))
	}
	if g.BatchStatistics(g.NormParams(name, br.channels)) {
		return nn.Relu(g.Norm(resizeLike(br.conv, x), name))
	}
	// Bilinear weights add up to 1, so FrozenBatchNorm commutes with the resize.
	return nn.Relu(resizeLike(g.Norm(br.conv, name), x))
}

// aggregateLiterally is aggregate in the order of the paper's definition.
func (b saBlock) aggregateLiterally(g *nn.Graph, x *nn.Node, branches []branch) *nn.Node {
	var parts []*nn.Node
	for _, br := range branches {
		parts = append(parts, g.Norm(resizeLike(br.conv, x), fmt.Sprintf("%s.bn2.%d", b.name, br.scale)))
	}
	y := nn.Relu(nn.Concatenate(3, parts...))
	return g.Norm(nn.Conv(y, b.conv3(g, branches), nil, nn.Conv2D{Stride: 1}), b.name+".bn3")
}

// conv3 returns the weight of conv3, whose input is the concatenation of all branches.
func (b saBlock) conv3(g *nn.Graph, branches []branch) *nn.Node {
	in := 0
	for _, br := range branches {
		in += br.channels
	}
	return g.Param(b.name+".conv3.weight", nn.Weight, nn.HeFanOut, expansion*b.planes, in, 1, 1)
}

// slice returns the input channels [from, to) of a weight.
func slice(weight *nn.Node, from, to int) *nn.Node {
	if from == 0 && to == weight.Shape()[1] {
		return weight
	}
	return nn.Apply(nn.Slice{Axis: 1, From: from, To: to}, weight)
}

// repeats reports whether resizing y to x's size repeats each pixel an integer number of times in both directions, and returns the product of these numbers.
func repeats(y, x *nn.Node) (int, bool) {
	a, b := y.Shape(), x.Shape()
	return (b[1] / a[1]) * (b[2] / a[2]), b[1]%a[1] == 0 && b[2]%a[2] == 0
}

// resizeLike resizes y to x's size: nearest if that only repeats pixels, else bilinear.
func resizeLike(y, x *nn.Node) *nn.Node {
	mode := nn.Bilinear
	if _, exact := repeats(y, x); exact {
		mode = nn.Nearest
	}
	s := x.Shape()
	return nn.Resize(y, s[1], s[2], mode)
}
