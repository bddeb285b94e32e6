// What the optimiser does to parameters.

KERNEL(sgd, (float *w, const float *grad, float *v, float lr, float momentum, float decay, float scale, u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	float g = scale * grad[i] + decay * w[i];
	v[i] = momentum * v[i] + g;
	w[i] -= lr * v[i];
}

// The coefficients are those of engine.AdamWCoefficients.
KERNEL(adamw, (float *w, const float *grad, float *m, float *v, float keep, float rest1, float beta2, float rest2, float step_size,
	float inverse_root, float eps, float scale, u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	float g = scale * grad[i];
	float mean = m[i] + rest1 * (g - m[i]), square = beta2 * v[i] + rest2 * g * g;
	m[i] = mean;
	v[i] = square;
	w[i] = keep * w[i] - step_size * mean / (sqrtf(square) * inverse_root + eps);
}

// dst = a * src + b * dst
KERNEL(blend, (float *dst, const float *src, float a, float b, u32 n)) {
	u32 i = thread_index();
	if (i < n) dst[i] = a * src[i] + b * dst[i];
}

KERNEL(sum_squares, (const float *x, double *partial, u32 n, u32 parts)) {
	u32 p = thread_index();
	if (p >= parts) return;
	double sum = 0;
	for (u32 i = p; i < n; i += parts) sum += (double)x[i] * x[i];
	partial[p] = sum;
}
