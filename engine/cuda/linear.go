//go:build gpu

package cuda

// #include "library.h"
import "C"

import (
	"errors"

	"scalenet/engine"
)

// gemm adds a product of matrices to float32; rows of ours are columns of cuBLAS's.
func (c *compiler) gemm(g C.sn_gemm, x, y, product any) {
	c.how = "cuBLAS"
	g.ct, g.tf32 = C.SN_F32, flag(c.device.options.TF32)
	c.steps = append(c.steps, func() error {
		g.a, g.b, g.c = c.device.place(x), c.device.place(y), c.device.place(product)
		var m message
		if C.sn_gemm_do(c.device.libraries, &g, m.c()) != 0 {
			return errors.New(m.String())
		}
		return nil
	})
}

func flag(on bool) C.int {
	if on {
		return 1
	}
	return 0
}

func (c *compiler) linear() error {
	x, w, y := c.in[0], c.in[1], c.out
	if err := engine.CheckType(engine.Float32, append([]engine.Tensor{y}, c.in...)...); err != nil {
		return err
	}
	n, in, out := C.int(x.Shape[0]), C.int(x.Shape[1]), C.int(w.Shape[0])
	c.gemm(C.sn_gemm{ta: 1, m: out, n: n, k: in, lda: in, ldb: in, ldc: out}, w, x, y)
	if len(c.in) == 2 {
		return nil
	}
	return c.step("affine_f32", size(y), y, nil, c.in[2], nil, y, w.Shape[0], size(y), false)
}

func (c *compiler) linearGradInput() error {
	dy, w, dx := c.in[0], c.in[1], c.out
	n, in, out := C.int(dy.Shape[0]), C.int(w.Shape[1]), C.int(w.Shape[0])
	c.gemm(C.sn_gemm{m: in, n: n, k: out, lda: in, ldb: out, ldc: in}, w, dy, dx)
	return engine.CheckType(engine.Float32, dy, w, dx)
}

func (c *compiler) linearGradWeight() error {
	x, dy, dw := c.in[0], c.in[1], c.out
	n, in, out := C.int(x.Shape[0]), C.int(x.Shape[1]), C.int(dy.Shape[1])
	c.gemm(C.sn_gemm{tb: 1, m: in, n: out, k: n, lda: in, ldb: out, ldc: in}, x, dy, dw)
	return engine.CheckType(engine.Float32, x, dy, dw)
}
