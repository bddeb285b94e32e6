package backbone

// newResNeXt is the residual network of Xie et al. of 32 groups of the given
// channels (4 in 32x4d), with the stride on the 3x3 convolution, as torchvision
// has it.
func newResNeXt(groupWidth int, blocks ...int) *ResNet {
	return residual(bottleneck{groups: 32, groupWidth: groupWidth}, blocks...)
}
