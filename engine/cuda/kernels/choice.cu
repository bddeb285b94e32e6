// Which boxes are proposals and detections: nn.Proposals and nn.Detections, whose Go says what is right. Each step computes what that does in
// the same precision and order; exponential functions, in double precision, may differ in the last bit.
//
// Lists of boxes are sorted by score, with an area each: of a box that cannot overlap another 0, DROPPED where the box is none, and END
// where there are none from here on.

const float DROPPED = -1, END = -2;

// The limits of an image (nn.ProposalLimits, nn.DetectionLimits).
const u32 LIMITS = 7;
enum limit { IMAGE_WIDTH, IMAGE_HEIGHT, MIN_SIZE, NMS_IOU, MOST, BEFORE_NMS, SCORE = BEFORE_NMS, DIVISOR };

struct box {
	float x1, y1, x2, y2;
};

FN box box_at(const float *p) {
	box b = {p[0], p[1], p[2], p[3]};
	return b;
}
FN void put_box(float *p, box b) { p[0] = b.x1, p[1] = b.y1, p[2] = b.x2, p[3] = b.y2; }

// The smaller one; NaN stays.
FN float at_most(float v, float high) { return v < high || v != v ? v : high; }
FN float clamp(float v, float high) { return at_most(v > 0 || v != v ? v : 0, high); }
FN float exponential(float v) { return (float)exp((double)v); }

// How boxes are coded (geom.Coder): extra is 1 where the last pixel belongs to the box.
struct coder {
	float extra, wx, wy, ww, wh;
};
#define CODER float extra, float wx, float wy, float ww, float wh
#define THE_CODER {extra, wx, wy, ww, wh}

const float MAX_LOG_SCALE = 4.135166556742356f;

FN box decode(coder c, box from, const float *deltas) {
	float w = from.x2 - from.x1 + c.extra, h = from.y2 - from.y1 + c.extra;
	float x = deltas[0] / c.wx * w + (from.x1 + 0.5f * w), y = deltas[1] / c.wy * h + (from.y1 + 0.5f * h);
	float half_w = 0.5f * (exponential(at_most(deltas[2] / c.ww, MAX_LOG_SCALE)) * w);
	float half_h = 0.5f * (exponential(at_most(deltas[3] / c.wh, MAX_LOG_SCALE)) * h);
	box b = {x - half_w, y - half_h, x + half_w, y + half_h};
	return b;
}

// Puts what deltas make of a box into a list, unless a side is too short or no number.
FN void put_decoded(coder c, box from, const float *deltas, const float *limits, float *boxes, float *area) {
	float right = limits[IMAGE_WIDTH] - c.extra, bottom = limits[IMAGE_HEIGHT] - c.extra;
	box b = decode(c, from, deltas);
	b = {clamp(b.x1, right), clamp(b.y1, bottom), clamp(b.x2, right), clamp(b.y2, bottom)};
	float w = b.x2 - b.x1 + c.extra, h = b.y2 - b.y1 + c.extra, divisor = limits[DIVISOR];
	if (!(w >= limits[MIN_SIZE] && h >= limits[MIN_SIZE])) {
		*area = DROPPED;
		return;
	}
	b = {b.x1 / divisor, b.y1 / divisor, b.x2 / divisor, b.y2 / divisor};
	put_box(boxes, b);
	w = b.x2 - b.x1 + c.extra, h = b.y2 - b.y1 + c.extra;
	float size = w * h;
	*area = w > 0 && h > 0 && size - size == 0 ? size : 0;
}

// keys (images, anchors) of the objectness; of pairs of logits the difference counts.
KERNEL(proposal_keys, (const float *objectness, u64 *keys, u32 anchors, u32 per_cell, int pairs, u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	float v = objectness[i];
	if (pairs) {
		const float *background = objectness + (u64)(i / per_cell) * 2 * per_cell + i % per_cell;
		v = background[per_cell] - *background;
	}
	keys[i] = key_of(descending(v), i % anchors);
}

// Sorted keys -> lists of boxes, one an image. Boxes with a logit below min_logit are none.
KERNEL(decode_proposals, (const u64 *keys, const float *deltas, const float *anchors, const float *limits, float *boxes, float *area,
                          u32 count, float min_logit, u32 n, CODER)) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 image = i / count, k = (u32)keys[i];
	limits += image * LIMITS;
	if ((int)(i % count) >= (int)limits[BEFORE_NMS] || upper_of(keys[i]) == ABSENT)
		area[i] = END;
	else if (!(ascending(upper_of(keys[i])) >= min_logit))
		area[i] = DROPPED;
	else
		put_decoded(THE_CODER, box_at(anchors + 4 * (u64)k), deltas + 4 * ((u64)image * count + k), limits, boxes + 4 * (u64)i, area + i);
}

// Whether two boxes, not of area 0, overlap by more.
FN bool overlap(box a, float area_a, box b, float area_b, float extra, float iou) {
	if (!(area_a > 0 && area_b > 0)) return false;
	float w = minimum(a.x2, b.x2) - maximum(a.x1, b.x1) + extra, h = minimum(a.y2, b.y2) - maximum(a.y1, b.y1) + extra;
	if (!(w > 0 && h > 0)) return false;
	float shared = w * h;
	return shared / (area_a + area_b - shared) > iou;
}

// Non-maximum suppression of lists of n boxes, a block a list, `lists` an image. A chunk of boxes is compared with the ones kept so far, a
// thread a box, then with each other: a matrix of bits says which goes if another stays, and one thread takes the best that is left until
// there are as many as the image's limit and `rows` allow. What is kept is moved to the list's beginning; ranks says where it was.
COOPERATIVE(suppress, (float *boxes, float *area, u32 *ranks, u32 *kept, const float *limits, u32 n, u32 lists, u32 rows, float extra)) {
	const u32 CHUNK = 256, WORDS = CHUNK / 64;
	SHARED box chunk[CHUNK];
	SHARED float size[CHUNK];
	SHARED u64 hides[CHUNK][WORDS], left[WORDS]; // by the kept box; boxes that are neither kept nor hidden
	SHARED u32 chosen[CHUNK], found;
	u32 t = threadIdx.x, list = blockIdx.x;
	limits += list / lists * LIMITS;
	float iou = limits[NMS_IOU];
	u32 most = (u32)least((int)limits[MOST], (int)rows);
	boxes += 4 * (u64)list * n, area += (u64)list * n, ranks += (u64)list * n;
	u32 start = 0;
	for (u32 first = 0; first < n && start < most; first += CHUNK) {
		float own = first + t < n ? area[first + t] : END;
		box b = {0, 0, 0, 0};
		if (own >= 0) b = box_at(boxes + 4 * (u64)(first + t));
		bool stays = own >= 0;
		for (u32 k = 0; k < start && stays; k++) stays = !overlap(box_at(boxes + 4 * (u64)k), area[k], b, own, extra, iou);
		chunk[t] = b;
		size[t] = own;
		for (u32 w = 0; w < WORDS; w++) hides[t][w] = 0;
		if (t < WORDS) left[t] = 0;
		if (t == 0) found = start;
		barrier();
		if (size[0] == END) break;
		if (stays) {
			or_into(&left[t / 64], 1ull << t % 64);
			for (u32 k = t + 1; k < CHUNK; k++)
				if (overlap(b, own, chunk[k], size[k], extra, iou)) hides[t][k / 64] |= 1ull << k % 64;
		}
		barrier();
		if (t == 0)
			for (u32 w = 0; w < WORDS; w++)
				while (left[w] && found < most) {
					u32 k = 64 * w + lowest_bit(left[w]);
					chosen[found++ - start] = k;
					left[w] &= left[w] - 1;
					for (u32 v = w; v < WORDS; v++) left[v] &= ~hides[k][v];
				}
		barrier();
		u32 end = found;
		if (t < end - start) {
			u32 k = chosen[t];
			put_box(boxes + 4 * (u64)(start + t), chunk[k]);
			area[start + t] = size[k];
			ranks[start + t] = first + k;
		}
		start = end;
		barrier();
	}
	if (t == 0) kept[list] = start;
}

// regions (images, rows, columns) of lists of `count` boxes; a sixth column is the logit.
KERNEL(put_regions, (const u64 *keys, const float *boxes, const u32 *ranks, const u32 *kept, float *regions, u32 count, u32 rows, u32 columns,
                     u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 image = i / rows, k = i % rows;
	bool there = k < kept[image];
	box none = {0, 0, 0, 0};
	u64 at = (u64)image * count + k;
	regions += (u64)columns * i;
	regions[0] = there ? (float)image : -1;
	put_box(regions + 1, there ? box_at(boxes + 4 * at) : none);
	if (columns > 5) regions[5] = there ? ascending(upper_of(keys[(u64)image * count + ranks[at]])) : 0;
}

// The `count` rows of each image of a level -> keys and boxes in lists of `length`, from place `first` on.
KERNEL(level_keys, (const float *rows, u64 *keys, float *boxes, u32 first, u32 count, u32 length, u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 image = i / count, place = first + i % count;
	u64 at = (u64)image * length + place;
	rows += 6 * (u64)i;
	keys[at] = key_of(rows[0] >= 0 ? descending(rows[5]) : ABSENT, place);
	put_box(boxes + 4 * at, box_at(rows + 1));
}

// regions (images, rows, 5) of an image's `length` sorted keys.
KERNEL(put_top, (const u64 *keys, const float *boxes, const float *limits, float *regions, u32 length, u32 rows, u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 image = i / rows, k = i % rows;
	keys += (u64)image * length;
	bool there = k < length && (int)k < (int)limits[image * LIMITS + MOST] && upper_of(keys[k]) != ABSENT;
	box none = {0, 0, 0, 0};
	regions[5 * (u64)i] = there ? (float)image : -1;
	put_box(regions + 5 * (u64)i + 1, there ? box_at(boxes + 4 * ((u64)image * length + (u32)keys[k])) : none);
}

// scores (rows, k) of logits; a thread a row, whose sum is in order.
KERNEL(class_scores, (const float *logits, float *scores, u32 k, u32 n)) {
	u32 r = thread_index();
	if (r >= n) return;
	logits += (u64)r * k, scores += (u64)r * k;
	float highest = logits[0];
	for (u32 i = 1; i < k; i++) highest = logits[i] > highest || logits[i] != logits[i] ? logits[i] : highest;
	double sum = 0;
	for (u32 i = 0; i < k; i++) {
		double e = exp((double)(logits[i] - highest));
		scores[i] = (float)e;
		sum += e;
	}
	for (u32 i = 0; i < k; i++) scores[i] = (float)(scores[i] / sum);
}

// keys (images, classes, regions) of the scores above an image's limit.
KERNEL(detection_keys, (const float *scores, const float *regions, const float *limits, u64 *keys, u32 classes, u32 count, u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 image = i / count / classes, r = i % count, row = image * count + r;
	float v = scores[(u64)row * (classes + 1) + i / count % classes + 1];
	bool there = regions[5 * (u64)row] >= 0 && v > limits[image * LIMITS + SCORE];
	keys[i] = key_of(there ? descending(v) : ABSENT, r);
}

// Sorted keys -> lists of boxes, one an image's class. Deltas have 4 columns, or 4 for each class and the background.
KERNEL(decode_detections, (const u64 *keys, const float *deltas, const float *regions, const float *limits, float *boxes, float *area,
                           u32 classes, u32 count, u32 columns, u32 n, CODER)) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 image = i / count / classes, row = image * count + (u32)keys[i];
	if (upper_of(keys[i]) == ABSENT)
		area[i] = END;
	else
		put_decoded(THE_CODER, box_at(regions + 5 * (u64)row + 1), deltas + (u64)row * columns + (columns > 4 ? 4 * (i / count % classes + 1) : 0),
		            limits + image * LIMITS, boxes + 4 * (u64)i, area + i);
}

// What is kept of an image's classes -> keys (images, regions * classes) in the order of regions, of each the classes; places says where
// in the lists their boxes are.
KERNEL(absent_keys, (u64 *keys, u32 n)) {
	u32 i = thread_index();
	if (i < n) keys[i] = key_of(ABSENT, 0);
}
KERNEL(kept_keys, (const u64 *sorted, const u32 *ranks, const u32 *kept, u64 *keys, u32 *places, u32 classes, u32 count, u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 list = i / count, image = list / classes;
	if (i % count >= kept[list]) return;
	u64 key = sorted[(u64)list * count + ranks[i]];
	u32 at = (u32)key * classes + list % classes;
	keys[(u64)image * count * classes + at] = key_of(upper_of(key), at);
	places[(u64)image * count * classes + at] = i;
}

// found (images, rows, 6) of an image's `count` sorted keys.
KERNEL(put_detections, (const u64 *keys, const u32 *places, const float *boxes, const float *limits, float *found, u32 classes, u32 count,
                        u32 rows, u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	u32 image = i / rows, k = i % rows;
	found += 6 * (u64)i;
	for (int f = 0; f < 6; f++) found[f] = 0;
	if ((int)k >= (int)limits[image * LIMITS + MOST] || k >= count) return;
	u64 key = keys[(u64)image * count + k];
	if (upper_of(key) == ABSENT) return;
	put_box(found, box_at(boxes + 4 * (u64)places[(u64)image * count + (u32)key]));
	found[4] = ascending(upper_of(key));
	found[5] = (float)((u32)key % classes + 1);
}
