// RoIAlign of features (images, h, w, c) on regions (r, 5) to size x size bins a region.
//
// Coordinates are computed step by step in float32, as torchvision does: their number and the edge depend on rounding. A bin's
// sampling points form a grid, so that a feature pixel's share in a bin is a product of a row's and a column's.

enum roi_points { BIN_POINTS, JWYANG_ALIGN, JWYANG_CROP }; // nn.RoIPoints

struct points {
	float start, step;
	int count, kind;
};

FN points axis_points(float low, float high, float scale, int size, int sampling, int aligned, int kind) {
	points p;
	p.kind = kind;
	if (kind != BIN_POINTS) {
		p.start = low * scale;
		float side = high * scale - p.start;
		if (kind == JWYANG_ALIGN) side = maximum(side + 1, 0);
		p.step = side / (size - 1);
		p.count = 1;
		return p;
	}
	float offset = aligned ? 0.5f : 0.f;
	p.start = low * scale - offset;
	float side = high * scale - offset - p.start;
	if (!aligned) side = maximum(side, 1);
	p.step = side / size;
	p.count = sampling > 0 ? sampling : most((int)ceilf(p.step), 0);
	return p;
}

FN float point_at(points p, int bin, int i) {
	if (p.kind != BIN_POINTS) return p.start + bin * p.step;
	float within = (i + 0.5f) * p.step / p.count;
	return p.start + bin * p.step + within;
}

// The two pixels that make up the value at a coordinate, and their shares.
struct pair {
	int low, high;
	float below, above;
};

// The pixels of n at a coordinate; none (false) outside.
FN bool between(int kind, float at, int n, pair *p) {
	if (kind == BIN_POINTS ? !(at >= -1 && at <= n) : !(at >= (kind == JWYANG_CROP ? -1 : 0) && at < n)) return false;
	if (kind == BIN_POINTS) at = maximum(at, 0);
	p->low = (int)floorf(at);
	if (kind == JWYANG_ALIGN && n > 1) p->low = least(p->low, n - 2); // beyond the last pixel: on the line of the last two
	p->high = p->low + 1;
	p->above = at - p->low;
	p->below = 1 - p->above;
	if (p->high == n || p->low >= n) { // the last pixel, or zeros beyond it
		p->low = p->high = n - 1;
		p->above = 0;
		if (kind != JWYANG_CROP) p->below = 1;
	} else if (p->low < 0) { // zeros before the first pixel
		p->low = 0;
		p->below = 0;
	}
	return true;
}

const float MAX_FLOAT = 3.402823466e38f;

FN bool finite(const float *roi) {
	for (int i = 0; i < 5; i++)
		if (roi[i] - roi[i] != 0) return false;
	return true;
}

// Whether a region has an image. One of an image that is not there, or that is not finite, is reported.
FN bool has_image(const float *roi, u32 region, int images, u64 *fault) {
	if (!finite(roi)) {
		report(fault, NOT_FINITE, region, 0, images);
		return false;
	}
	if (roi[0] >= images) report(fault, NO_IMAGE, region, roi[0] < 65535 ? (u32)roi[0] : 65535, images);
	return roi[0] >= 0 && roi[0] < images;
}

// Whether a region is on the level of areas from low to below high (nn.OnLevel).
FN bool on_level(const float *roi, float low, float high) {
	float area = (roi[3] - roi[1]) * (roi[4] - roi[2]);
	if (area > MAX_FLOAT) area = MAX_FLOAT;
	return (low == 0 || area >= low) && !(area >= high);
}

// A region of no image is on the first level, whose low is 0.
template <class T>
FN void roi_align_of(const T *x, const float *rois, T *y, int images, int h, int w, u32 c, int size, float scale, float low, float high,
                     int sampling, int aligned, int kind, u64 *fault, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 ch = i % c, col = i / c % size, row = i / c / size % size, region = i / c / size / size;
	const float *roi = rois + 5 * region;
	if (roi[0] < 0 ? low > 0 : !on_level(roi, low, high)) return;
	float sum = 0;
	if (has_image(roi, region, images, fault)) {
		points ys = axis_points(roi[2], roi[4], scale, size, sampling, aligned, kind);
		points xs = axis_points(roi[1], roi[3], scale, size, sampling, aligned, kind);
		const T *image = x + (u64)(int)roi[0] * h * w * c + ch;
		for (int a = 0; a < ys.count; a++) {
			pair down, across;
			if (!between(kind, point_at(ys, row, a), h, &down)) continue;
			for (int b = 0; b < xs.count; b++) {
				if (!between(kind, point_at(xs, col, b), w, &across)) continue;
				const T *upper = image + down.low * w * c, *lower = image + down.high * w * c;
				sum += down.below * (across.below * load(upper + across.low * c) + across.above * load(upper + across.high * c)) +
				       down.above * (across.below * load(lower + across.low * c) + across.above * load(lower + across.high * c));
			}
		}
		int count = ys.count * xs.count;
		if (count > 0) sum /= count;
	}
	store(y + i, sum);
}
FEATURES(roi_align, (const T *x, const float *rois, T *y, int images, int h, int w, u32 c, int size, float scale, float low, float high,
                     int sampling, int aligned, int kind, u64 *fault, u32 n),
         (x, rois, y, images, h, w, c, size, scale, low, high, sampling, aligned, kind, fault, n))

// share (r, size, side): the share of each row (axis 1) or column (axis 0) of a level's features in each of a region's bins.
KERNEL(roi_shares, (const float *rois, float *share, int side, int axis, int size, float scale, float low, float high, int sampling,
                    int aligned, int kind, u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	int pixel = i % side, bin = i / side % size;
	const float *roi = rois + 5 * (i / side / size);
	points p = axis_points(roi[1 + axis], roi[3 + axis], scale, size, sampling, aligned, kind);
	float sum = 0;
	for (int k = 0; k < p.count && finite(roi) && on_level(roi, low, high); k++) {
		pair at;
		if (!between(kind, point_at(p, bin, k), side, &at)) continue;
		if (at.low == pixel) sum += at.below;
		if (at.high == pixel) sum += at.above;
	}
	share[i] = p.count > 0 ? sum / p.count : 0;
}

// span (r, 2): the first and, excluded, the last pixel of an axis that has a share in a region; a thread a region.
KERNEL(roi_spans, (const float *share, int *span, int side, int size, u32 n)) {
	u32 r = thread_index();
	if (r >= n) return;
	int begin = side, end = 0;
	for (int bin = 0; bin < size; bin++)
		for (int k = 0; k < side; k++)
			if (share[(r * size + bin) * side + k] != 0) begin = least(begin, k), end = most(end, k + 1);
	span[2 * r] = begin;
	span[2 * r + 1] = end;
}

// A thread a feature's value: the sum over the regions that reach it, in their order.
template <class T>
FN void roi_align_grad_of(const T *dy, const float *rois, const float *row_share, const float *col_share, const int *row_span,
                          const int *col_span, T *dx, int images, int h, int w, u32 c, int size, int regions, u64 *fault, u32 n) {
	u32 i = thread_index();
	if (i >= n) return;
	int ch = i % c, col = i / c % w, row = i / c / w % h, image = i / c / w / h;
	float sum = 0;
	for (int r = 0; r < regions; r++) {
		if (!has_image(rois + 5 * r, r, images, fault) || (int)rois[5 * r] != image) continue;
		if (row < row_span[2 * r] || row >= row_span[2 * r + 1] || col < col_span[2 * r] || col >= col_span[2 * r + 1]) continue;
		for (int a = 0; a < size; a++) {
			float down = row_share[(r * size + a) * h + row];
			if (down == 0) continue;
			for (int b = 0; b < size; b++) {
				float across = col_share[(r * size + b) * w + col];
				if (across != 0) sum += down * across * load(dy + ((u64)(r * size + a) * size + b) * c + ch);
			}
		}
	}
	store(dx + i, sum);
}
FEATURES(roi_align_grad, (const T *dy, const float *rois, const float *row_share, const float *col_share, const int *row_span,
                          const int *col_span, T *dx, int images, int h, int w, u32 c, int size, int regions, u64 *fault, u32 n),
         (dy, rois, row_share, col_share, row_span, col_span, dx, images, h, w, c, size, regions, fault, n))
