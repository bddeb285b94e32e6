package nn

// NormEps is BatchNorm's epsilon, NormMomentum the share of the batch in the
// running statistics: PyTorch's defaults, which the authors kept.
const (
	NormEps      = 1e-5
	NormMomentum = 0.1
)

// Conv adds a convolution with weight name.weight and no bias, initialised by HeFanOut.
func (g *Graph) Conv(x *Node, name string, out, kernel int, c Conv2D) *Node {
	return Conv(x, g.ConvWeight(x, name, out, kernel, c.Groups), nil, c)
}

// ConvWeight is the weight (out, in / groups, kernel, kernel) of a convolution of x.
func (g *Graph) ConvWeight(x *Node, name string, out, kernel, groups int) *Node {
	return g.Param(name+".weight", Weight, HeFanOut, out, x.Shape()[3]/max(groups, 1), kernel, kernel)
}

// BiasedConv adds a convolution with weight and bias, weights N(0, std), bias 0.
func (g *Graph) BiasedConv(x *Node, name string, out, kernel int, c Conv2D, std float64) *Node {
	w := g.Param(name+".weight", Weight, Normal(std), out, x.Shape()[3]/max(c.Groups, 1), kernel, kernel)
	return Conv(x, w, g.Param(name+".bias", Bias, Constant(0), out), c)
}

// Linear adds a fully connected layer, bias 0.
func (g *Graph) Linear(x *Node, name string, out int, init Init) *Node {
	w := g.Param(name+".weight", Weight, init, out, x.Shape()[1])
	return FullyConnected(x, w, g.Param(name+".bias", Bias, Constant(0), out))
}

// NormParams are a BatchNorm's parameters in a graph.
type NormParams struct{ Weight, Bias, Mean, Variance *Node }

// NormParams declares the parameters of a BatchNorm over c channels.
func (g *Graph) NormParams(name string, c int) NormParams {
	return NormParams{
		Weight:   g.Param(name+".weight", NormWeight, Constant(1), c),
		Bias:     g.Param(name+".bias", NormBias, Constant(0), c),
		Mean:     g.Param(name+".running_mean", NormMean, Constant(0), c),
		Variance: g.Param(name+".running_var", NormVariance, Constant(1), c),
	}
}

// BatchStatistics says whether this graph normalises by batch moments there.
func (g *Graph) BatchStatistics(p NormParams) bool { return g.Training && !g.bound[p.Weight].Frozen }

// Norm adds a BatchNorm: by batch moments when training, by running statistics
// otherwise.
func (g *Graph) Norm(x *Node, name string) *Node { return g.RepeatedNorm(x, name, 1) }

// NormEps is Norm with another epsilon.
func (g *Graph) NormEps(x *Node, name string, eps float64) *Node { return g.norm(x, name, 1, eps) }

// RepeatedNorm is Norm of an x of which each value stands for `repeat` equal
// ones: normalising before a nearest resize what the definition normalises
// after it. Only the running variance, an unbiased estimate, depends on it.
func (g *Graph) RepeatedNorm(x *Node, name string, repeat int) *Node {
	return g.norm(x, name, repeat, NormEps)
}

func (g *Graph) norm(x *Node, name string, repeat int, eps float64) *Node {
	s := x.Shape()
	p := g.NormParams(name, s[3])
	if !g.BatchStatistics(p) {
		return Apply(FrozenBatchNorm2D{Eps: eps}, x, p.Weight, p.Bias, p.Mean, p.Variance)
	}
	m := Apply(Moments2D{}, x)
	g.moments = append(g.moments, Moments{m, g.bound[p.Mean], g.bound[p.Variance], s[0] * s[1] * s[2] * repeat})
	return Apply(BatchNorm2D{eps}, x, p.Weight, p.Bias, m)
}

// FrozenNormTerm normalises one term of a sum by running statistics; the
// constant is added with the first term only.
func FrozenNormTerm(x *Node, p NormParams, firstTerm bool) *Node {
	return Apply(FrozenBatchNorm2D{Eps: NormEps, ScaleOnly: !firstTerm}, x, p.Weight, p.Bias, p.Mean, p.Variance)
}
