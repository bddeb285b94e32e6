// Sorting by score: segments of n keys each, all at once.
//
// A key has the score in its upper 32 bits, the highest first, and what is scored in the lower ones. The sort (four passes of a radix sort by
// the upper half) is stable. Keys of what is not there, ABSENT in the upper half, come last, and so do scores that are not numbers.

const u32 ABSENT = 0xffffffff;

// An integer whose ascending order is the floats' descending one; -0 equals 0.
FN u32 descending(float v) {
	if (v != v) return ABSENT;
	u32 bits = v == 0 ? 0 : to_bits(v);
	return bits >> 31 ? bits : ~bits & 0x7fffffff;
}
FN float ascending(u32 key) { return from_bits(key >> 31 ? key : ~key & 0x7fffffff); }

FN u64 key_of(u32 upper, u32 lower) { return (u64)upper << 32 | lower; }
FN u32 upper_of(u64 key) { return (u32)(key >> 32); }

// A block sorts a tile of a segment; a segment has `tiles` of them.
const u32 DIGITS = 256, TILE = 2048; // as in choice.go

FN u32 digit_of(u64 key, u32 shift) { return (u32)(key >> shift) & (DIGITS - 1); }
FN u32 tile_end(u32 first, u32 n) { return first + TILE < n ? first + TILE : n; }

// counts (segments, tiles, DIGITS): how many keys of a tile have each digit.
COOPERATIVE(sort_count, (const u64 *keys, u32 *counts, u32 n, u32 tiles, u32 shift)) {
	SHARED u32 count[DIGITS];
	u32 t = threadIdx.x, first = blockIdx.x % tiles * TILE, end = tile_end(first, n);
	const u64 *segment = keys + (u64)(blockIdx.x / tiles) * n;
	count[t] = 0;
	barrier();
	for (u32 i = first + t; i < end; i += blockDim.x) add_to(&count[digit_of(segment[i], shift)], 1);
	barrier();
	counts[blockIdx.x * DIGITS + t] = count[t];
}

// counts -> where in the segment the first key of a tile and digit goes; a block a segment, a thread a digit.
COOPERATIVE(sort_offsets, (u32 *counts, u32 tiles)) {
	SHARED u32 sums[DIGITS];
	u32 digit = threadIdx.x, *own = counts + blockIdx.x * tiles * DIGITS + digit, sum = 0;
	for (u32 i = 0; i < tiles; i++) sum += own[i * DIGITS];
	sums[digit] = sum;
	barrier();
	for (u32 step = 1; step < DIGITS; step *= 2) { // sums of all digits up to this one
		u32 lower = digit >= step ? sums[digit - step] : 0;
		barrier();
		sums[digit] += lower;
		barrier();
	}
	u32 at = sums[digit] - sum;
	for (u32 i = 0; i < tiles; i++) {
		u32 count = own[i * DIGITS];
		own[i * DIGITS] = at;
		at += count;
	}
}

// Keys to their places by one digit.
COOPERATIVE(sort_move, (const u64 *from, u64 *to, const u32 *offsets, u32 n, u32 tiles, u32 shift)) {
	SHARED u32 next[DIGITS], digits[DIGITS];
	u32 t = threadIdx.x, first = blockIdx.x % tiles * TILE, end = tile_end(first, n);
	u64 segment = (u64)(blockIdx.x / tiles) * n;
	next[t] = offsets[blockIdx.x * DIGITS + t];
	for (; first < end; first += blockDim.x) {
		bool there = first + t < end;
		u64 key = there ? from[segment + first + t] : 0;
		u32 digit = there ? digit_of(key, shift) : DIGITS, before = 0;
		digits[t] = digit;
		barrier();
		for (u32 i = 0; i < t; i++) before += digits[i] == digit;
		if (there) to[segment + next[digit] + before] = key;
		barrier();
		if (there) add_to(&next[digit], 1);
	}
}
