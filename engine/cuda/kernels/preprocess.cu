// Preprocessing of decoded images into a network's input, equal to package raster's on the host, bit for bit in float32.

FN float normalised(u8 v, float mean, float deviation) { return ((float)v / 255 - mean) / deviation; }

// Sample i of n resized from a line of `size` samples: (1 - weight) of the one at lo and weight of the one at hi.
struct tap {
	int lo, hi;
	float weight;
};
FN tap tap_at(int i, int size, int n) {
	float centre = maximum(0, ((float)i + 0.5f) * ((float)size / (float)n) - 0.5f);
	int lo = least((int)centre, size - 1);
	return {lo, least(lo + 1, size - 1), minimum(1, centre - (float)lo)};
}

FN float between(float a, float b, float weight) { return (1 - weight) * a + weight * b; }

// y (images, h, w, 3), one thread per pixel, of bytes of blue, green and red. Transforms are rows of six: the offset of an image's bytes, its
// width and height, its resized width and height, and 1 to flip it horizontally, 2 vertically. Shifts, if given, are added to red, green and
// blue.
template <class T>
FN void preprocess_of(const u8 *bytes, const int *transforms, const float *shifts, T *y, u64 *fault, u32 count, u32 h, u32 w, u32 n,
                    float mean_r, float mean_g, float mean_b, float deviation_r, float deviation_g, float deviation_b) {
	u32 i = thread_index();
	if (i >= n) return;
	int column = i % w, row = i / w % h;
	const int *p = transforms + 6 * (i / w / h);
	int at = p[0], from_w = p[1], from_h = p[2], to_w = p[3], to_h = p[4], flips = p[5];
	bool fits = at >= 0 && from_w > 0 && from_h > 0 && to_w > 0 && to_w <= (int)w && to_h > 0 && to_h <= (int)h &&
	            at + 3 * (i64)from_w * from_h <= (i64)count;
	if (!fits) report(fault, BAD_TRANSFORM, i / w / h, 0, 0);
	y += 3 * (u64)i;
	if (!fits || column >= to_w || row >= to_h) {
		for (int c = 0; c < 3; c++) store(y + c, 0);
		return;
	}
	tap x = tap_at(flips & 1 ? to_w - 1 - column : column, from_w, to_w), z = tap_at(flips & 2 ? to_h - 1 - row : row, from_h, to_h);
	const u8 *upper = bytes + at + 3 * ((i64)z.lo * from_w), *lower = bytes + at + 3 * ((i64)z.hi * from_w);
	const float mean[3] = {mean_r, mean_g, mean_b}, deviation[3] = {deviation_r, deviation_g, deviation_b};
	for (int c = 0; c < 3; c++) {
		int lo = 3 * x.lo + 2 - c, hi = 3 * x.hi + 2 - c;
		float m = shifts ? mean[c] - shifts[3 * (i / w / h) + c] : mean[c], d = deviation[c];
		float above = between(normalised(upper[lo], m, d), normalised(upper[hi], m, d), x.weight);
		float below = between(normalised(lower[lo], m, d), normalised(lower[hi], m, d), x.weight);
		store(y + c, between(above, below, z.weight));
	}
}
FEATURES(preprocess, (const u8 *bytes, const int *transforms, const float *shifts, T *y, u64 *fault, u32 count, u32 h, u32 w, u32 n,
                    float mean_r, float mean_g, float mean_b, float deviation_r, float deviation_g, float deviation_b),
         (bytes, transforms, shifts, y, fault, count, h, w, n, mean_r, mean_g, mean_b, deviation_r, deviation_g, deviation_b))
