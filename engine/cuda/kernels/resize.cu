// Resizing as a sum over taps: which source rows and columns make up a target's, and with what weights.
//
// taps of a source: {h, w, columns' part at, rows' begin (oh + 1), then pairs of index and weight (bits of a float);
// at that place columns' begin (ow + 1), then pairs}. begin counts pairs.

template <class T> FN float resampled(const T *x, const int *taps, u32 image, u32 row, u32 col, u32 oh, u32 ow, u32 c, u32 ch) {
	int h = taps[0], w = taps[1];
	const int *rows = taps + 3, *cols = taps + taps[2];
	const int *row_pairs = rows + oh + 1, *col_pairs = cols + ow + 1;
	float sum = 0;
	for (int r = rows[row]; r < rows[row + 1]; r++) {
		float line = 0;
		for (int k = cols[col]; k < cols[col + 1]; k++)
			line += from_bits(col_pairs[2 * k + 1]) * load(x + ((image * h + row_pairs[2 * r]) * w + col_pairs[2 * k]) * c + ch);
		sum += from_bits(row_pairs[2 * r + 1]) * line;
	}
	return sum;
}

// y (images, oh, ow, c) = relu?(residual? + the sum of up to four resampled sources); null sources come last and add nothing.
template <class T>
FN void resize_of(const T *x0, const int *taps0, const T *x1, const int *taps1, const T *x2, const int *taps2, const T *x3,
                  const int *taps3, const T *residual, T *y, u32 oh, u32 ow, u32 c, u32 n, int rectify) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 ch = i % c, col = i / c % ow, row = i / c / ow % oh, image = i / c / ow / oh;
	float v = resampled(x0, taps0, image, row, col, oh, ow, c, ch);
	if (x1) v += resampled(x1, taps1, image, row, col, oh, ow, c, ch);
	if (x2) v += resampled(x2, taps2, image, row, col, oh, ow, c, ch);
	if (x3) v += resampled(x3, taps3, image, row, col, oh, ow, c, ch);
	if (residual) v += load(residual + i);
	store(y + i, rectify ? relu(v) : v);
}
FEATURES(resize, (const T *x0, const int *taps0, const T *x1, const int *taps1, const T *x2, const int *taps2, const T *x3,
                  const int *taps3, const T *residual, T *y, u32 oh, u32 ow, u32 c, u32 n, int rectify),
         (x0, taps0, x1, taps1, x2, taps2, x3, taps3, residual, y, oh, ow, c, n, rectify))
