package onnx

import (
	"errors"
	"fmt"
	"slices"

	"scalenet/detector"
	"scalenet/geom"
	"scalenet/nn"
)

// Detector returns a detector as an ONNX model with the model's own settings:
//
//	image (N, H, W, 3) uint8, RGB
//	-> boxes (D, 4) float32: x1, y1, x2, y2 in pixels of the image
//	   labels (D) int64: indices in the metadata's list "classes", from 0
//	   scores (D) float32
//	   batch_indices (D) int64: the image of each detection
//
// The D detections are in the order of images, then of descending scores. All images of a batch have one size. An operation without an ONNX form is an
// error that names it.
func Detector(m *detector.Model) (out *Model, err error) {
	graphs, err := detectorGraphs(m)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if err := nn.Build(func() { out, err = detectorModel(m, graphs) }); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return out, err
}

func detectorModel(m *detector.Model, graphs []detector.Graph) (*Model, error) {
	b := newBuilder("detector")
	first, all := graphs[0], []*nn.Graph{}
	for _, g := range graphs {
		all = append(all, g.Graph)
	}
	n := newNetwork(b, all, first.Found)
	n.detection = detection{model: m, nodes: first, candidates: map[*nn.Node]candidates{}}
	n.frame = n.preprocess(m, b.image())
	n.values[first.Images] = n.frame.images
	n.emit(n.of(first.Found))
	b.graph.Output = append(b.graph.Output,
		described("boxes", float32Type, "detections", 4),
		described("labels", int64Type, "detections"),
		described("scores", float32Type, "detections"),
		described("batch_indices", int64Type, "detections"))
	return b.file(m.Classes, m.Metadata())
}

// sizesCompared is the number of sizes for which the network is built.
const sizesCompared = 3

// sidesTried returns sides of the input that are one step below multiples of 2, 3, 5 and 7 at all strides from 1 to 32. So none of a ScaleNet's pools of
// these sizes divides the side of features, unless the padding makes it do so for every image.
func sidesTried(m *detector.Model) (sides []int) {
	for _, multiple := range []int{42, 210} {
		for i := 1; i <= sizesCompared; i++ {
			sides = append(sides, m.PadTo(32*(multiple*i-1)))
			for _, stride := range []int{4, 2, 1} {
				sides = append(sides, m.PadTo(stride*(8*multiple*i-1)))
			}
		}
	}
	slices.Sort(sides)
	return slices.Compact(sides)
}

// detectorGraphs returns the network for several sizes of the input: those with the most bilinear resizes, as package backbone resizes bilinearly where a
// pool does not divide the side of features.
func detectorGraphs(m *detector.Model) (best []detector.Graph, err error) {
	most := -1
	for _, side := range sidesTried(m) {
		g, err := m.Graph(geom.Size{W: side, H: side})
		if err != nil {
			return nil, err
		}
		n := bilinearResizes(g.Graph)
		if n > most {
			best, most = nil, n
		}
		if n == most {
			best = append(best, g)
		}
		if len(best) == sizesCompared && n == 0 {
			break
		}
	}
	if len(best) < 2 {
		return nil, errors.New("no two sizes of the input have the same network: it cannot be exported for all sizes")
	}
	return best[:min(len(best), sizesCompared)], nil
}

// bilinearResizes counts the bilinear resizes of a graph.
func bilinearResizes(g *nn.Graph) (n int) {
	for _, node := range g.Nodes() {
		if op, ok := node.Op().(nn.Resize2D); ok && op.Mode == nn.Bilinear {
			n++
		}
	}
	return n
}
