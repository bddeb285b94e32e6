package cpu

import (
	"fmt"
	"math"
	"testing"
	"time"

	"scalenet/engine"
	"scalenet/nn"
)

// benchmark times op and reports its fastest run (machines are shared), with the
// multiply-adds of a second or the bytes that it must at least move.
func benchmark(b *testing.B, d *Device, op nn.Op, typ engine.DType, macs int, shapes ...nn.Shape) {
	b.Helper()
	out, err := op.OutShape(shapes)
	if err != nil {
		b.Fatal(err)
	}
	bytes := 0
	tensorOf := func(s nn.Shape, t engine.DType) engine.Tensor {
		x := engine.Tensor{Desc: engine.Desc{Shape: s, Type: t}, Version: new(uint64)}
		if x.Mem, err = d.Alloc(x.Bytes()); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { d.Free(x.Mem) })
		// Pages that were never written are all one page of zeros.
		if err := d.Write(x.Mem, make([]float32, x.Bytes()/4)); err != nil {
			b.Fatal(err)
		}
		bytes += x.Bytes()
		return x
	}
	var in []engine.Tensor
	for i, s := range shapes {
		t := typ
		if len(s) < 4 || (isConv(op) && i == 1) {
			t = engine.Float32
		}
		in = append(in, tensorOf(s, t))
	}
	outType := typ
	if len(out) < 4 || isConvGradWeight(op) {
		outType = engine.Float32
	}
	k, err := d.Kernel(op, in, tensorOf(out, outType))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(k.Close)
	seconds := fastest(b, d, k)
	if macs > 0 {
		b.ReportMetric(float64(macs)/seconds/1e9, "GMAC/s")
	}
	b.ReportMetric(float64(bytes)/seconds/1e9, "GB/s")
}

// fastest runs a kernel b.N times and gives the seconds of the fastest run.
func fastest(b *testing.B, d *Device, k engine.Kernel) float64 {
	b.Helper()
	best := math.Inf(1)
	err := d.Do(func() error {
		for b.Loop() {
			start := time.Now()
			if err := k.Run(); err != nil {
				return err
			}
			best = min(best, time.Since(start).Seconds())
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(best*1e3, "ms")
	return best
}

func isConv(op nn.Op) bool {
	switch op.(type) {
	case engine.ConvBlock, engine.ConvBlockGradInput:
		return true
	}
	return false
}

func isConvGradWeight(op nn.Op) bool {
	_, ok := op.(engine.ConvBlockGradWeight)
	return ok
}

// The convolutions that ScaleNet-50 spends its time in, forward and backward.
func BenchmarkConvolution(b *testing.B) {
	d := newDevice(b, 1)
	for _, s := range []struct{ n, side, in, out, kernel, stride int }{
		{1, 224, 3, 64, 7, 2},
		{1, 56, 64, 62, 3, 1}, {1, 56, 62, 256, 1, 1}, {1, 56, 256, 64, 1, 1},
		{1, 28, 128, 125, 3, 1}, {1, 28, 125, 512, 1, 1},
		{1, 14, 256, 195, 3, 1}, {1, 14, 195, 1024, 1, 1}, {1, 14, 1024, 256, 1, 1},
		{1, 7, 512, 237, 3, 1}, {1, 7, 237, 2048, 1, 1},
		{1, 28, 64, 9, 3, 1}, {1, 56, 9, 256, 1, 1},
		{8, 56, 64, 62, 3, 1}, {8, 28, 128, 116, 3, 1}, {8, 14, 256, 195, 3, 1}, {8, 7, 512, 237, 3, 1}, {8, 56, 59, 256, 1, 1},
		{8, 14, 1024, 256, 1, 1}, {8, 7, 1024, 2048, 1, 1}, {8, 28, 64, 9, 3, 1}, {8, 28, 9, 256, 1, 1},
	} {
		c := nn.Conv2D{Stride: s.stride, Pad: s.kernel / 2, Dilation: 1, Groups: 1}
		o := c.OutSide(s.side, s.kernel)
		macs := s.n * o * o * s.out * s.in * s.kernel * s.kernel
		x, w, y := nn.Shape{s.n, s.side, s.side, s.in}, nn.Shape{s.out, s.in, s.kernel, s.kernel}, nn.Shape{s.n, o, o, s.out}
		for _, typ := range []engine.DType{engine.Float32, engine.BFloat16} {
			name := func(what string) string {
				return fmt.Sprintf("%s/%v/k%ds%d/%dx%dx%d/%d-%d", what, typ, s.kernel, s.stride, s.n, s.side, s.side, s.in, s.out)
			}
			b.Run(name("forward"), func(b *testing.B) {
				benchmark(b, d, engine.ConvBlock{Conv2D: c, Activation: engine.ReLU}, typ, macs, x, w)
			})
			b.Run(name("input"), func(b *testing.B) {
				op := nn.Conv2DGradInput{Conv2D: c, Height: s.side, Width: s.side}
				benchmark(b, d, engine.ConvBlockGradInput{Conv2DGradInput: op}, typ, macs, y, w)
			})
			b.Run(name("weight"), func(b *testing.B) {
				op := nn.Conv2DGradWeight{Conv2D: c, Kernel: s.kernel}
				benchmark(b, d, engine.ConvBlockGradWeight{Conv2DGradWeight: op}, typ, macs, x, y)
			})
		}
	}
}

// The linear layers of box heads, for the 150 RoIs of torchvision's 320 detector and for 1,000.
func BenchmarkLinear(b *testing.B) {
	for _, threads := range []int{1, 2} {
		d := newDevice(b, threads)
		for _, s := range [][3]int{{150, 12544, 1024}, {1000, 12544, 1024}, {150, 1024, 1024}} {
			x, w := nn.Shape{s[0], s[1]}, nn.Shape{s[2], s[1]}
			b.Run(fmt.Sprintf("%dx%d-%d/%dthreads", s[0], s[1], s[2], threads), func(b *testing.B) {
				benchmark(b, d, nn.Linear{}, engine.Float32, s[0]*s[1]*s[2], x, w)
			})
		}
	}
}

// The loops, by the memory that they must at least move.
func BenchmarkLoop(b *testing.B) {
	d := newDevice(b, 1)
	small, x, pooled := nn.Shape{1, 28, 28, 256}, nn.Shape{1, 56, 56, 256}, nn.Shape{1, 28, 28, 256}
	c := nn.Shape{256}
	for _, l := range []struct {
		name string
		op   nn.Op
		in   []nn.Shape
	}{
		{"ReLU", nn.ReLU{}, []nn.Shape{x}},
		{"AddReLU", engine.AddReLU{}, []nn.Shape{x, x}},
		{"MaxPool/2s2", nn.MaxPool2D{Kernel: 2, Stride: 2}, []nn.Shape{x}},
		{"MaxPool/3s2", nn.MaxPool2D{Kernel: 3, Stride: 2, Pad: 1}, []nn.Shape{x}},
		{"MaxPoolGrad/2s2", nn.MaxPool2DGrad{MaxPool2D: nn.MaxPool2D{Kernel: 2, Stride: 2}}, []nn.Shape{x, pooled}},
		{"MaxPoolGrad/3s2", nn.MaxPool2DGrad{MaxPool2D: nn.MaxPool2D{Kernel: 3, Stride: 2, Pad: 1}}, []nn.Shape{x, pooled}},
		{"Resize/nearest", engine.ResizeBlock{Resize2D: nn.Resize2D{Height: 56, Width: 56, Mode: nn.Nearest}, Residual: true, ReLU: true}, []nn.Shape{small, x}},
		{"Resize/bilinear", engine.ResizeBlock{Resize2D: nn.Resize2D{Height: 56, Width: 56, Mode: nn.Bilinear}, Residual: true, ReLU: true}, []nn.Shape{small, x}},
		{"ResizeGrad/nearest", nn.Resize2DGrad{Height: 28, Width: 28, Mode: nn.Nearest}, []nn.Shape{x}},
		{"ResizeGrad/bilinear", nn.Resize2DGrad{Height: 28, Width: 28, Mode: nn.Bilinear}, []nn.Shape{x}},
		{"Moments", nn.Moments2D{}, []nn.Shape{x}},
		{"Norm", engine.NormBlock{BatchNorm2D: nn.BatchNorm2D{Eps: 1e-5}, ReLU: true}, []nn.Shape{x, c, c, {2, 256}}},
		{"NormGradParams", nn.BatchNorm2DGradParams{Eps: 1e-5}, []nn.Shape{x, {2, 256}, x}},
		{"NormGradInput", nn.BatchNorm2DGradInput{Eps: 1e-5}, []nn.Shape{x, c, {2, 256}, x, {2, 256}}},
		{"BiasGrad", nn.BiasGrad{}, []nn.Shape{x}},
	} {
		for _, typ := range []engine.DType{engine.Float32, engine.BFloat16} {
			b.Run(fmt.Sprintf("%s/%v", l.name, typ), func(b *testing.B) { benchmark(b, d, l.op, typ, 0, l.in...) })
		}
	}
}

// 300 regions of the size that a detector sees, on 600x904 images.
func BenchmarkRoIAlign(b *testing.B) {
	for _, typ := range []engine.DType{engine.Float32, engine.BFloat16} {
		for _, sampling := range []int{0, 2} {
			b.Run(fmt.Sprintf("%v/sampling %d", typ, sampling), func(b *testing.B) { benchmarkRegions(b, typ, sampling, false) })
		}
	}
	b.Run("gradient", func(b *testing.B) { benchmarkRegions(b, engine.Float32, 0, true) })
}

func benchmarkRegions(b *testing.B, typ engine.DType, sampling int, gradient bool) {
	const n = 300
	d := newDevice(b, 1)
	alloc := func(t engine.DType, shape ...int) engine.Tensor {
		x := engine.Tensor{Desc: engine.Desc{Shape: shape, Type: t}}
		var err error
		if x.Mem, err = d.Alloc(x.Bytes()); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { d.Free(x.Mem) })
		return x
	}
	rois := make([]float32, 5*n)
	for i := range n {
		w, h := float32(40+i*7%500), float32(40+i*11%400)
		x, y := float32(i*37%904)*(1-w/904), float32(i*53%600)*(1-h/600)
		copy(rois[5*i:], []float32{0, x, y, x + w, y + h})
	}
	r := alloc(engine.Float32, n, 5)
	if err := d.Write(r.Mem, rois); err != nil {
		b.Fatal(err)
	}
	features, bins := alloc(typ, 1, 38, 57, 1024), alloc(typ, n, 14, 14, 1024)
	op := nn.RoIAlign{Size: 14, Scale: 1. / 16, Sampling: sampling, Aligned: true}
	var k engine.Kernel
	var err error
	if gradient {
		k, err = d.Kernel(nn.RoIAlignGrad{RoIAlign: op, Images: 1, Height: 38, Width: 57, Levels: 1}, []engine.Tensor{bins, r}, features)
	} else {
		k, err = d.Kernel(op, []engine.Tensor{features, r}, bins)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(k.Close)
	fastest(b, d, k)
}
