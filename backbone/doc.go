// Package backbone builds convolutional networks: ScaleNet, whose scale aggregation (SA)
// blocks process their input at several resolutions, and the networks that it is compared
// with: ResNet, SE-ResNet, ResNeXt, DenseNet, Xception and MobileNetV3.
//
// A Network has a stem and stages. A detector computes features with the stem and the
// stages up to one, and uses the next stage in its box head. A classifier has all stages,
// global average pooling and a fully connected layer. Parameters have the names of the
// authors' PyTorch checkpoints.
//
// The neuron allocation of a ScaleNet, that is the output channels per scale and block
// (the paper's "neurons"), is a Structure. Published ones are embedded as
// structures/*.json, with one row per block: [C1, C2, C3, C4, side], where side is the
// height and width of the block's features. Others are read from files of that format.
package backbone
