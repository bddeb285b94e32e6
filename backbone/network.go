package backbone

import (
	"fmt"

	"scalenet/nn"
)

// Upper bounds of configuration values, so that a mistyped number gives an error instead of a huge allocation.
const (
	maxChannels = 1 << 14 // and neurons
	maxStages   = 8
	maxBlocks   = 1 << 9 // of all stages
	maxStride   = 4      // of a stage
	maxScales   = 8
	maxPool     = 1 << 11
	maxSide     = 1 << 13 // of an image
)

// Network is a convolutional network in stages.
type Network interface {
	// Stem is the part before the first stage: x (N, H, W, 3) -> features.
	Stem(g *nn.Graph, x *nn.Node) *nn.Node
	// Stages is the number of stages.
	Stages() int
	// Stage adds stage s, counted from 1.
	Stage(g *nn.Graph, x *nn.Node, s int) *nn.Node
	// Stride is the stride of stage s's output, in input pixels.
	Stride(s int) int
	// MinSide is the minimum height and width of the input for which no window in the stages up to s is empty.
	MinSide(s int) int
	// Head is the name of the final fully connected layer in the network's checkpoints.
	Head() string
}

// Features adds the network up to and including stage last.
func Features(g *nn.Graph, n Network, x *nn.Node, last int) *nn.Node {
	x = n.Stem(g, x)
	for s := 1; s <= last; s++ {
		x = n.Stage(g, x, s)
	}
	return x
}

// Classifier adds the complete network, global average pooling and a fully connected layer: x (N, H, W, 3) -> logits (N, classes).
func Classifier(g *nn.Graph, n Network, x *nn.Node, classes int) *nn.Node {
	x = nn.GlobalAvgPool(Features(g, n, x, n.Stages()))
	return head(g, n, x, classes)
}

// hidden is a Network whose classifier has a fully connected layer before the last one.
type hidden interface {
	// Hidden adds this layer and its activation: x (N, C) -> (N, hidden channels).
	Hidden(g *nn.Graph, x *nn.Node) *nn.Node
}

// head adds the classifier's fully connected layers: x (N, C) -> logits (N, classes).
func head(g *nn.Graph, n Network, x *nn.Node, classes int) *nn.Node {
	if h, ok := n.(hidden); ok {
		x = h.Hidden(g, x)
	}
	return g.Linear(x, n.Head(), classes, nn.UniformFanIn(x.Shape()[1]))
}

// checkStages checks the settings that all networks have. The slices have one entry per stage.
func checkStages(stem Stem, blocks, planes, strides []int) error {
	if len(blocks) > maxStages || len(planes) > maxStages || len(strides) > maxStages {
		return fmt.Errorf("%d blocks, %d planes, %d strides: want at most %d stages", len(blocks), len(planes), len(strides), maxStages)
	}
	if len(blocks) == 0 || len(planes) != len(blocks) || len(strides) != len(blocks) {
		return fmt.Errorf("blocks %v, planes %v, strides %v: want one of each per stage", blocks, planes, strides)
	}
	if err := stem.check(); err != nil {
		return err
	}
	total := 0
	for i := range blocks {
		switch {
		case blocks[i] < 1 || blocks[i] > maxBlocks:
			return fmt.Errorf("stage %d: %d blocks, want 1 to %d", i+1, blocks[i], maxBlocks)
		case planes[i] < 1 || planes[i] > maxChannels:
			return fmt.Errorf("stage %d: %d planes, want 1 to %d", i+1, planes[i], maxChannels)
		case strides[i] < 1 || strides[i] > maxStride:
			return fmt.Errorf("stage %d: stride %d, want 1 to %d", i+1, strides[i], maxStride)
		}
		if total += blocks[i]; total > maxBlocks {
			return fmt.Errorf("stage %d: %d blocks up to here, want at most %d", i+1, total, maxBlocks)
		}
	}
	return nil
}
