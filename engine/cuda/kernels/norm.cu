// Norms and sums over rows of a matrix (rows, c).
//
// Sums go by segments of rows: a thread sums a segment's part of a channel, then a thread a channel adds up the segments in
// double precision. Partial results lie in scratch memory (segments, c).

// The scale and shift of a frozen norm from variance and mean; without a bias there is no shift.
KERNEL(norm_coefficients, (const float *weight, const float *bias, const float *mean, const float *variance, double eps,
                           float *scale, float *shift, u32 c)) {
	u32 i = thread_index();
	if (i >= c) return;
	double s = weight[i] / sqrt(variance[i] + eps);
	scale[i] = (float)s;
	if (bias) shift[i] = (float)(bias[i] - mean[i] * s);
}

// y = relu?(residual? + x * scale + shift?) by channel; null pointers leave their part out.
template <class X, class Y>
FN void affine_of(const X *x, const float *scale, const float *shift, const Y *residual, Y *y, u32 c, u32 n, int rectify) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 ch = i % c;
	float v = load(x + i);
	if (scale) v *= scale[ch];
	if (shift) v += shift[ch];
	if (residual) v += load(residual + i);
	store(y + i, rectify ? relu(v) : v);
}
#define AFFINE(name, X, Y) \
	KERNEL(name, (const X *x, const float *scale, const float *shift, const Y *residual, Y *y, u32 c, u32 n, int rectify)) { \
		affine_of(x, scale, shift, residual, y, c, n, rectify); \
	}
AFFINE(affine_f32, float, float)
AFFINE(affine_bf16, bf16, bf16)
AFFINE(affine_f16, f16, f16)
AFFINE(affine_bf16_f32, bf16, float)
AFFINE(affine_f16_f32, f16, float)
AFFINE(affine_f32_bf16, float, bf16)
AFFINE(affine_f32_f16, float, f16)

// The rows of segment s of `segments`.
FN u32 segment_begin(u32 rows, u32 segments, u32 s) { return (u32)((u64)rows * s / segments); }

template <class T> FN void column_sums_of(const T *x, float *partial, u32 rows, u32 c, u32 segments) {
	u32 i = thread_index();
	if (i >= segments * c) return;
	u32 s = i / c, ch = i % c, end = segment_begin(rows, segments, s + 1);
	float sum = 0;
	for (u32 r = segment_begin(rows, segments, s); r < end; r++) sum += load(x + r * c + ch);
	partial[i] = sum;
}
FEATURES(column_sums, (const T *x, float *partial, u32 rows, u32 c, u32 segments), (x, partial, rows, c, segments))

KERNEL(add_segments, (const float *partial, float *sums, u32 c, u32 segments)) {
	u32 ch = thread_index();
	if (ch >= c) return;
	double sum = 0;
	for (u32 s = 0; s < segments; s++) sum += partial[s * c + ch];
	sums[ch] = (float)sum;
}

// Mean and sum of squared distances from it of each segment: partial (2, segments, c).
template <class T> FN void segment_moments_of(const T *x, float *partial, u32 rows, u32 c, u32 segments) {
	u32 i = thread_index();
	if (i >= segments * c) return;
	u32 s = i / c, ch = i % c, begin = segment_begin(rows, segments, s), end = segment_begin(rows, segments, s + 1);
	float first = load(x + begin * c + ch), sum = 0, squares = 0; // distances from the first value lose nothing where the mean is far from zero
	for (u32 r = begin; r < end; r++) sum += load(x + r * c + ch) - first;
	float mean = first + sum / (end - begin);
	for (u32 r = begin; r < end; r++) {
		float d = load(x + r * c + ch) - mean;
		squares += d * d;
	}
	partial[i] = mean;
	partial[segments * c + i] = squares;
}
FEATURES(segment_moments, (const T *x, float *partial, u32 rows, u32 c, u32 segments), (x, partial, rows, c, segments))

// moments (2, c): mean and biased variance of all segments together (Chan, Golub and LeVeque's way).
KERNEL(join_moments, (const float *partial, float *moments, u32 rows, u32 c, u32 segments)) {
	u32 ch = thread_index();
	if (ch >= c) return;
	double mean = 0, squares = 0;
	for (u32 s = 0; s < segments; s++) {
		u32 begin = segment_begin(rows, segments, s), end = segment_begin(rows, segments, s + 1);
		double n = end - begin, d = partial[s * c + ch] - mean;
		mean += d * n / end;
		squares += partial[(segments + s) * c + ch] + d * d * n * begin / end;
	}
	moments[ch] = (float)mean;
	moments[c + ch] = (float)(squares / rows);
}

// Parts of the gradients of a norm's weight and bias: partial (2, segments, c).
template <class T>
FN void norm_grad_params_of(const T *x, const float *moments, const T *dy, double eps, float *partial, u32 rows, u32 c, u32 segments) {
	u32 i = thread_index();
	if (i >= segments * c) return;
	u32 s = i / c, ch = i % c, end = segment_begin(rows, segments, s + 1);
	float mean = moments[ch], inverse = (float)(1 / sqrt(moments[c + ch] + eps)), weight = 0, bias = 0;
	for (u32 r = segment_begin(rows, segments, s); r < end; r++) {
		float d = load(dy + r * c + ch);
		weight += d * ((load(x + r * c + ch) - mean) * inverse);
		bias += d;
	}
	partial[i] = weight;
	partial[segments * c + i] = bias;
}
FEATURES(norm_grad_params, (const T *x, const float *moments, const T *dy, double eps, float *partial, u32 rows, u32 c, u32 segments),
         (x, moments, dy, eps, partial, rows, c, segments))

// dx = weight / sigma * (dy - dbias / rows - xhat * dweight / rows); dparams (2, c) is dweight, dbias.
template <class T>
FN void norm_grad_input_of(const T *x, const float *weight, const float *moments, const T *dy, const float *dparams, double eps,
                           T *dx, u32 rows, u32 c, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 ch = i % c;
	float inverse = (float)(1 / sqrt(moments[c + ch] + eps));
	float xhat = (load(x + i) - moments[ch]) * inverse;
	store(dx + i, weight[ch] * inverse * (load(dy + i) - dparams[c + ch] / rows - xhat * (dparams[ch] / rows)));
}
FEATURES(norm_grad_input, (const T *x, const float *weight, const float *moments, const T *dy, const float *dparams, double eps,
                           T *dx, u32 rows, u32 c, u32 n),
         (x, weight, moments, dy, dparams, eps, dx, rows, c, n))
