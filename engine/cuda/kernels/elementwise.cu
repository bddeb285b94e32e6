// Values one by one, and copies.

template <class T> FN void relu_of(const T *x, T *y, u32 n) {
	u32 i = thread_index();
	if (i < n) store(y + i, relu(load(x + i)));
}
FEATURES(relu, (const T *x, T *y, u32 n), (x, y, n))

// y > 0 ? dy : 0
template <class T> FN void relu_grad_of(const T *y, const T *dy, T *dx, u32 n) {
	u32 i = thread_index();
	if (i < n) store(dx + i, load(y + i) > 0 ? load(dy + i) : 0);
}
FEATURES(relu_grad, (const T *y, const T *dy, T *dx, u32 n), (y, dy, dx, n))

template <class T> FN void add_of(const T *a, const T *b, T *y, u32 n, int rectify) {
	u32 i = thread_index();
	if (i >= n) return;
	float v = load(a + i) + load(b + i);
	store(y + i, rectify ? relu(v) : v);
}
FEATURES(add, (const T *a, const T *b, T *y, u32 n, int rectify), (a, b, y, n, rectify))

// y > 0 ? a + b : 0
template <class T> FN void add_relu_grad_of(const T *y, const T *a, const T *b, T *dx, u32 n) {
	u32 i = thread_index();
	if (i < n) store(dx + i, load(y + i) > 0 ? load(a + i) + load(b + i) : 0);
}
FEATURES(add_relu_grad, (const T *y, const T *a, const T *b, T *dx, u32 n), (y, a, b, dx, n))

// The standard normal distribution.
FN float normal_cdf(float v) { return 0.5f * (1 + erff(v * 0.70710678f)); }

template <class T> FN void gelu_of(const T *x, T *y, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	float v = load(x + i);
	store(y + i, v * normal_cdf(v));
}
FEATURES(gelu, (const T *x, T *y, u32 n), (x, y, n))

template <class T> FN void gelu_grad_of(const T *x, const T *dy, T *dx, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	float v = load(x + i), density = 0.39894228f * expf(-0.5f * v * v); // 1 / sqrt(2 * pi)
	store(dx + i, load(dy + i) * (normal_cdf(v) + v * density));
}
FEATURES(gelu_grad, (const T *x, const T *dy, T *dx, u32 n), (x, dy, dx, n))

// relu6 keeps a NaN.
FN float relu6(float v) {
	v = relu(v);
	return v > 6 ? 6 : v;
}

template <class T> FN void hard_swish_of(const T *x, T *y, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	float v = load(x + i);
	store(y + i, v * relu6(v + 3) * (1 / 6.0f));
}
FEATURES(hard_swish, (const T *x, T *y, u32 n), (x, y, n))

template <class T> FN void hard_swish_grad_of(const T *x, const T *dy, T *dx, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	float v = load(x + i), slope = v <= -3 ? 0 : v < 3 ? v * (1 / 3.0f) + 0.5f : 1;
	store(dx + i, load(dy + i) * slope);
}
FEATURES(hard_swish_grad, (const T *x, const T *dy, T *dx, u32 n), (x, dy, dx, n))

template <class T> FN void hard_sigmoid_of(const T *x, T *y, u32 n) {
	u32 i = thread_index();
	if (i < n) store(y + i, relu6(load(x + i) + 3) * (1 / 6.0f));
}
FEATURES(hard_sigmoid, (const T *x, T *y, u32 n), (x, y, n))

template <class T> FN void hard_sigmoid_grad_of(const T *x, const T *dy, T *dx, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	float v = load(x + i);
	store(dx + i, v > -3 && v < 3 ? load(dy + i) * (1 / 6.0f) : 0);
}
FEATURES(hard_sigmoid_grad, (const T *x, const T *dy, T *dx, u32 n), (x, dy, dx, n))

FN float sigmoid(float v) { return 1 / (1 + expf(-v)); }

template <class T> FN void sigmoid_of(const T *x, T *y, u32 n) {
	u32 i = thread_index();
	if (i < n) store(y + i, sigmoid(load(x + i)));
}
FEATURES(sigmoid, (const T *x, T *y, u32 n), (x, y, n))

template <class T> FN void sigmoid_grad_of(const T *y, const T *dy, T *dx, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	float v = load(y + i);
	store(dx + i, load(dy + i) * (v * (1 - v)));
}
FEATURES(sigmoid_grad, (const T *y, const T *dy, T *dx, u32 n), (y, dy, dx, n))

// Between types.
template <class A, class B> FN void cast_of(const A *x, B *y, u32 n) {
	u32 i = thread_index();
	if (i < n) store(y + i, load(x + i));
}
KERNEL(cast_f32_bf16, (const float *x, bf16 *y, u32 n)) { cast_of(x, y, n); }
KERNEL(cast_f32_f16, (const float *x, f16 *y, u32 n)) { cast_of(x, y, n); }
KERNEL(cast_bf16_f32, (const bf16 *x, float *y, u32 n)) { cast_of(x, y, n); }
KERNEL(cast_f16_f32, (const f16 *x, float *y, u32 n)) { cast_of(x, y, n); }

// Copies rows of `row` words that lie `from` words apart in x and `to` words apart in y; n = rows * row.
template <class W> FN void copy_rows_of(const W *x, W *y, u32 row, u32 from, u32 to, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 r = i / row, k = i % row;
	y[(u64)r * to + k] = x[(u64)r * from + k];
}
KERNEL(copy_rows_2, (const u16 *x, u16 *y, u32 row, u32 from, u32 to, u32 n)) { copy_rows_of(x, y, row, from, to, n); }
KERNEL(copy_rows_4, (const u32 *x, u32 *y, u32 row, u32 from, u32 to, u32 n)) { copy_rows_of(x, y, row, from, to, n); }

// y (images, pixels, c) = relu?(residual? + x * scale (images, c)); a null residual adds nothing.
template <class T>
FN void scale_channels_of(const T *x, const T *scale, const T *residual, T *y, u32 c, u32 image, u32 n, int rectify) {
	u32 i = thread_index();
	if (i >= n) return;
	float v = load(x + i) * load(scale + i / image * c + i % c);
	if (residual) v += load(residual + i);
	store(y + i, rectify ? relu(v) : v);
}
FEATURES(scale_channels, (const T *x, const T *scale, const T *residual, T *y, u32 c, u32 image, u32 n, int rectify),
         (x, scale, residual, y, c, image, n, rectify))

// dscale (images, c) = sum over pixels of x * dy; a thread an image's channel.
template <class T> FN void scale_channels_grad_of(const T *x, const T *dy, T *dscale, u32 c, u32 pixels, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 at = i / c * pixels * c + i % c;
	float sum = 0;
	for (u32 p = 0; p < pixels; p++, at += c) sum += load(x + at) * load(dy + at);
	store(dscale + i, sum);
}
FEATURES(scale_channels_grad, (const T *x, const T *dy, T *dscale, u32 c, u32 pixels, u32 n), (x, dy, dscale, c, pixels, n))
