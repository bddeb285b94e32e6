// Pooling of x (images, h, w, c) to y (images, oh, ow, c).

struct place {
	u32 ch, col, row, image;
};
FN place place_of(u32 i, u32 c, u32 w, u32 h) {
	place p;
	p.ch = i % c;
	i /= c;
	p.col = i % w;
	i /= w;
	p.row = i % h;
	p.image = i / h;
	return p;
}

// The first and, excluded, the last row of the window of output row o within the image.
FN int window_begin(int o, int stride, int pad) { return most(o * stride - pad, 0); }
FN int window_end(int o, int kernel, int stride, int pad, int side) { return least(o * stride - pad + kernel, side); }

// Where a window's largest value is: the first of equal ones, the last NaN if there is any.
template <class T>
FN u32 largest(const T *x, place p, int h, int w, u32 c, int kernel, int stride, int pad) {
	u32 found = 0;
	float best = 0;
	bool any = false;
	int rows = window_end(p.row, kernel, stride, pad, h), cols = window_end(p.col, kernel, stride, pad, w);
	for (int r = window_begin(p.row, stride, pad); r < rows; r++)
		for (int k = window_begin(p.col, stride, pad); k < cols; k++) {
			u32 at = ((p.image * h + r) * w + k) * c + p.ch;
			float v = load(x + at);
			if (!any || v > best || v != v) any = true, best = v, found = at;
		}
	return found;
}

template <class T>
FN void max_pool_of(const T *x, T *y, int h, int w, int oh, int ow, u32 c, int kernel, int stride, int pad, u32 n) {
	u32 i = thread_index();
	if (i < n) y[i] = x[largest(x, place_of(i, c, ow, oh), h, w, c, kernel, stride, pad)];
}
FEATURES(max_pool, (const T *x, T *y, int h, int w, int oh, int ow, u32 c, int kernel, int stride, int pad, u32 n),
         (x, y, h, w, oh, ow, c, kernel, stride, pad, n))

// The windows that reach row (or column) i: from first to, included, last of `out`.
FN int first_window(int i, int kernel, int stride, int pad) { return most(i + pad - kernel + stride, 0) / stride; }
FN int last_window(int i, int stride, int pad, int out) { return least((i + pad) / stride, out - 1); }

// A thread an input: the sum of dy over the windows in which it is the largest.
template <class T>
FN void max_pool_grad_of(const T *x, const T *dy, T *dx, int h, int w, int oh, int ow, u32 c, int kernel, int stride, int pad, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	place p = place_of(i, c, w, h);
	float sum = 0;
	int rows = last_window(p.row, stride, pad, oh), cols = last_window(p.col, stride, pad, ow);
	for (int r = first_window(p.row, kernel, stride, pad); r <= rows; r++)
		for (int k = first_window(p.col, kernel, stride, pad); k <= cols; k++) {
			place q = {p.ch, (u32)k, (u32)r, p.image};
			if (largest(x, q, h, w, c, kernel, stride, pad) == i) sum += load(dy + ((p.image * oh + r) * ow + k) * c + p.ch);
		}
	store(dx + i, sum);
}
FEATURES(max_pool_grad, (const T *x, const T *dy, T *dx, int h, int w, int oh, int ow, u32 c, int kernel, int stride, int pad, u32 n),
         (x, dy, dx, h, w, oh, ow, c, kernel, stride, pad, n))

// Padding counts as zeros.
template <class T>
FN void avg_pool_of(const T *x, T *y, int h, int w, int oh, int ow, u32 c, int kernel, int stride, int pad, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	place p = place_of(i, c, ow, oh);
	float sum = 0;
	int rows = window_end(p.row, kernel, stride, pad, h), cols = window_end(p.col, kernel, stride, pad, w);
	for (int r = window_begin(p.row, stride, pad); r < rows; r++)
		for (int k = window_begin(p.col, stride, pad); k < cols; k++) sum += load(x + ((p.image * h + r) * w + k) * c + p.ch);
	store(y + i, sum / (kernel * kernel));
}
FEATURES(avg_pool, (const T *x, T *y, int h, int w, int oh, int ow, u32 c, int kernel, int stride, int pad, u32 n),
         (x, y, h, w, oh, ow, c, kernel, stride, pad, n))

template <class T>
FN void avg_pool_grad_of(const T *dy, T *dx, int h, int w, int oh, int ow, u32 c, int kernel, int stride, int pad, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	place p = place_of(i, c, w, h);
	float sum = 0;
	int rows = last_window(p.row, stride, pad, oh), cols = last_window(p.col, stride, pad, ow);
	for (int r = first_window(p.row, kernel, stride, pad); r <= rows; r++)
		for (int k = first_window(p.col, kernel, stride, pad); k <= cols; k++) sum += load(dy + ((p.image * oh + r) * ow + k) * c + p.ch);
	store(dx + i, sum / (kernel * kernel));
}
FEATURES(avg_pool_grad, (const T *dy, T *dx, int h, int w, int oh, int ow, u32 c, int kernel, int stride, int pad, u32 n),
         (dy, dx, h, w, oh, ow, c, kernel, stride, pad, n))

// x (images, pixels, c) -> y (images, c) in float32; a thread an image's channel.
template <class T> FN void global_avg_pool_of(const T *x, float *y, u32 c, u32 pixels, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 at = i / c * pixels * c + i % c;
	float sum = 0;
	for (u32 p = 0; p < pixels; p++, at += c) sum += load(x + at);
	y[i] = sum / pixels;
}
FEATURES(global_avg_pool, (const T *x, float *y, u32 c, u32 pixels, u32 n), (x, y, c, pixels, n))

// dy (images, c) in float32 -> dx (images, pixels, c).
template <class T> FN void global_avg_pool_grad_of(const float *dy, T *dx, u32 c, u32 pixels, u32 n) {
	u32 i = thread_index();
	if (i < n) store(dx + i, dy[i / (pixels * c) * c + i % c] / pixels);
}
FEATURES(global_avg_pool_grad, (const float *dy, T *dx, u32 c, u32 pixels, u32 n), (dy, dx, c, pixels, n))
