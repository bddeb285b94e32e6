// What the optimiser does to parameters.

KERNEL(sgd, (float *w, const float *grad, float *v, float lr, float momentum, float decay, float l1, float scale, u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	float g = scale * grad[i] + decay * w[i] + l1 * (float)((w[i] > 0) - (w[i] < 0));
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

// Sums of gradients over several processes, as package collective defines them: the sum of NaNs is always the same NaN, and with `rounds` every value is
// rounded to bfloat16.
FN float on_wire(float v, u32 rounds) {
	if (!rounds) return v;
	bf16 rounded;
	store(&rounded, v);
	return load(&rounded);
}

KERNEL(wire_take, (float *into, const float *x, u32 rounds, u32 n)) {
	u32 i = thread_index();
	if (i < n) into[i] = on_wire(x[i], rounds);
}

KERNEL(wire_add, (float *into, const float *x, u32 rounds, u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	float sum = into[i] + on_wire(x[i], rounds);
	into[i] = on_wire(sum == sum ? sum : from_bits(0x7fc00000), rounds);
}

// Rounded values as bfloat16 and back.
KERNEL(wire_pack, (u16 *into, const float *x, u32 n)) {
	u32 i = thread_index();
	if (i < n) into[i] = (u16)(to_bits(x[i]) >> 16);
}

KERNEL(wire_unpack, (float *into, const u16 *x, u32 n)) {
	u32 i = thread_index();
	if (i < n) into[i] = from_bits((u32)x[i] << 16);
}
