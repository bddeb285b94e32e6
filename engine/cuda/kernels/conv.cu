// What goes with cuDNN's convolutions: weights in the layout (co, k, k, ci), folded with a norm's scale; and convolutions of our own,
// a thread a result, for the shapes that cuDNN refuses.

// packed (co, k, k, ci) = weight (co, all, k, k)[:, from:from+ci] * scale? (co); area = k * k.
template <class T> FN void pack_weight_of(const float *weight, const float *scale, T *packed, u32 area, u32 ci, u32 all, u32 from, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 in = i % ci, tap = i / ci % area, out = i / ci / area;
	float v = weight[(out * all + from + in) * area + tap];
	store(packed + i, scale ? v * scale[out] : v);
}
FEATURES(pack_weight, (const float *weight, const float *scale, T *packed, u32 area, u32 ci, u32 all, u32 from, u32 n),
         (weight, scale, packed, area, ci, all, from, n))

// packed = bias? * scale? + shift?
template <class T> FN void pack_bias_of(const float *bias, const float *scale, const float *shift, T *packed, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	float v = bias ? bias[i] : 0;
	if (scale) v *= scale[i];
	if (shift) v += shift[i];
	store(packed + i, v);
}
FEATURES(pack_bias, (const float *bias, const float *scale, const float *shift, T *packed, u32 n), (bias, scale, shift, packed, n))

// dw (co, ci, k, k) = packed (co, k, k, ci) * scale? (co)
template <class T> FN void unpack_weight_of(const T *packed, const float *scale, float *dw, u32 area, u32 ci, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 tap = i % area, in = i / area % ci, out = i / area / ci;
	float v = load(packed + (out * area + tap) * ci + in);
	dw[i] = scale ? v * scale[out] : v;
}
FEATURES(unpack_weight, (const T *packed, const float *scale, float *dw, u32 area, u32 ci, u32 n), (packed, scale, dw, area, ci, n))

// A convolution of x (images, h, w, ci * groups) by weights (co, k, k, ci) to y (images, oh, ow, co).
struct conv {
	int h, w, ci, oh, ow, co, k, stride, pad, dilation, groups;
};
#define CONV int h, int w, int ci, int oh, int ow, int co, int k, int stride, int pad, int dilation, int groups
#define CONV_ARGUMENTS {h, w, ci, oh, ow, co, k, stride, pad, dilation, groups}

template <class T> FN void direct_conv_of(const T *x, const T *weight, T *y, conv c, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	place p = place_of(i, c.co, c.ow, c.oh);
	int group = p.ch / (c.co / c.groups);
	float sum = 0;
	for (int r = 0; r < c.k; r++)
		for (int s = 0; s < c.k; s++) {
			int row = (int)p.row * c.stride - c.pad + r * c.dilation, col = (int)p.col * c.stride - c.pad + s * c.dilation;
			if (row < 0 || row >= c.h || col < 0 || col >= c.w) continue;
			const T *from = x + (u64)((p.image * c.h + row) * c.w + col) * (c.ci * c.groups) + group * c.ci;
			const T *by = weight + ((p.ch * c.k + r) * c.k + s) * c.ci;
			for (int in = 0; in < c.ci; in++) sum += load(from + in) * load(by + in);
		}
	store(y + i, sum);
}
FEATURES(direct_conv, (const T *x, const T *weight, T *y, CONV, u32 n), (x, weight, y, CONV_ARGUMENTS, n))

template <class T> FN void direct_conv_grad_input_of(const T *dy, const T *weight, T *dx, conv c, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	place p = place_of(i, c.ci * c.groups, c.w, c.h);
	int outs = c.co / c.groups, group = p.ch / c.ci, in = p.ch % c.ci;
	float sum = 0;
	for (int r = 0; r < c.k; r++)
		for (int s = 0; s < c.k; s++) {
			int row = (int)p.row + c.pad - r * c.dilation, col = (int)p.col + c.pad - s * c.dilation;
			if (row < 0 || col < 0 || row % c.stride || col % c.stride) continue;
			row /= c.stride, col /= c.stride;
			if (row >= c.oh || col >= c.ow) continue;
			const T *from = dy + (u64)((p.image * c.oh + row) * c.ow + col) * c.co;
			for (int out = group * outs; out < (group + 1) * outs; out++)
				sum += load(from + out) * load(weight + ((out * c.k + r) * c.k + s) * c.ci + in);
		}
	store(dx + i, sum);
}
FEATURES(direct_conv_grad_input, (const T *dy, const T *weight, T *dx, CONV, u32 n), (dy, weight, dx, CONV_ARGUMENTS, n))

// dw in the packed layout; each image's row is added up in float32, the rows in double precision.
template <class T> FN void direct_conv_grad_weight_of(const T *x, const T *dy, float *dw, conv c, int images, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	int in = i % c.ci, s = i / c.ci % c.k, r = i / c.ci / c.k % c.k, out = i / c.ci / c.k / c.k;
	int channels = c.ci * c.groups, from = out / (c.co / c.groups) * c.ci + in;
	double sum = 0;
	for (int image = 0; image < images; image++)
		for (int a = 0; a < c.oh; a++) {
			int row = a * c.stride - c.pad + r * c.dilation;
			if (row < 0 || row >= c.h) continue;
			float line = 0;
			for (int b = 0; b < c.ow; b++) {
				int col = b * c.stride - c.pad + s * c.dilation;
				if (col < 0 || col >= c.w) continue;
				line += load(x + (u64)((image * c.h + row) * c.w + col) * channels + from) *
				        load(dy + (u64)((image * c.oh + a) * c.ow + b) * c.co + out);
			}
			sum += line;
		}
	dw[i] = (float)sum;
}
FEATURES(direct_conv_grad_weight, (const T *x, const T *dy, float *dw, CONV, int images, u32 n), (x, dy, dw, CONV_ARGUMENTS, images, n))
