// The kernels whose threads wait for each other, with a block's 256 threads as threads under ThreadSanitizer: what they compute is right and
// there is no race among them, which the fake libraries, where one runs at a time, do not see. A program without output; see races.sh.
#define SN_THREADS
#include "../kernels/kernels.cu"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include <pthread.h>

PER_THREAD index3 blockIdx, threadIdx;
index3 blockDim = {256, 1, 1}, gridDim;
void register_kernel(registered_kernel) {}
void *device_memory(uint64_t address, size_t, const char *) { return (void *)address; }

static pthread_barrier_t block_barrier;
void barrier() { pthread_barrier_wait(&block_barrier); }

template <class F> static void run(unsigned blocks, F kernel) {
	for (unsigned b = 0; b < blocks; b++) {
		std::vector<std::thread> threads;
		for (unsigned t = 0; t < blockDim.x; t++)
			threads.emplace_back([=] {
				blockIdx = {b, 0, 0}, threadIdx = {t, 0, 0};
				kernel();
			});
		for (auto &t : threads) t.join();
	}
}

static void want(bool right, const char *what) {
	if (!right) fprintf(stderr, "races: %s is wrong\n", what), exit(1);
}

static const u32 lists = 2, n = 2600, tiles = 2;
static std::mt19937 randomness(1);

static void check_sort() {
	std::normal_distribution<float> score;
	std::vector<u64> keys(lists * n), spare(lists * n), sorted;
	std::vector<u32> counts(lists * tiles * DIGITS);
	for (u32 i = 0; i < lists * n; i++) keys[i] = key_of(descending((float)(int)(score(randomness) * 20)), i % n);
	sorted = keys;
	for (u32 l = 0; l < lists; l++) std::sort(sorted.begin() + l * n, sorted.begin() + (l + 1) * n);
	u64 *from = keys.data(), *to = spare.data();
	for (u32 shift = 32; shift < 64; shift += 8) {
		run(lists * tiles, [&] { sort_count(from, counts.data(), n, tiles, shift); });
		run(lists, [&] { sort_offsets(counts.data(), tiles); });
		run(lists * tiles, [&] { sort_move(from, to, counts.data(), n, tiles, shift); });
		std::swap(from, to);
	}
	want(keys == sorted, "the sort");
}

static void check_suppress() {
	const float limits[] = {1000, 1000, 0, 0.5, 400, 0, 1, 1000, 1000, 0, 0.3, 50, 0, 1};
	std::vector<float> boxes(4 * lists * n), area(lists * n);
	std::vector<u32> ranks(lists * n), kept(lists);
	auto below = [](int end) { return (float)(randomness() % end); };
	for (u32 i = 0; i < lists * n; i++) {
		float x = below(300), y = below(300), w = 5 + below(60), h = 5 + below(60);
		put_box(&boxes[4 * i], {x, y, x + w, y + h});
		area[i] = i >= lists * n - 300 ? END : below(9) > 0 ? w * h : DROPPED;
	}
	auto all = boxes;
	auto areas = area;
	run(lists, [&] { suppress(boxes.data(), area.data(), ranks.data(), kept.data(), limits, n, 1, 400, 0); });
	for (u32 l = 0; l < lists; l++) {
		auto overlaps = [&](u32 a, u32 b) {
			return overlap(box_at(&all[4 * (l * n + a)]), areas[l * n + a], box_at(&all[4 * (l * n + b)]), areas[l * n + b], 0, limits[LIMITS * l + NMS_IOU]);
		};
		std::vector<u32> right;
		for (u32 i = 0; i < n && right.size() < limits[LIMITS * l + MOST]; i++)
			if (areas[l * n + i] >= 0 && std::none_of(right.begin(), right.end(), [&](u32 k) { return overlaps(k, i); })) right.push_back(i);
		want(kept[l] == right.size() && std::equal(right.begin(), right.end(), ranks.begin() + l * n), "what is suppressed");
	}
}

int main() {
	pthread_barrier_init(&block_barrier, nullptr, blockDim.x);
	check_sort();
	check_suppress();
}
