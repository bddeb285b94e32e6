// Package backbone builds the networks that see: ScaleNet, whose SA blocks
// aggregate several scales with neurons allocated by data, and those it is
// compared with: ResNet, SE-ResNet, ResNeXt, DenseNet and Xception.
//
// A Network is a stem and stages; a detector takes features after one stage
// and puts the next one on its regions, a classifier takes all of them and a
// fully connected layer. Parameters have their authors' PyTorch names.
//
// Published structures are embedded (structures/*.json, one row a block:
// [C1, C2, C3, C4, side]); any other is read from a file of that form.
package backbone
