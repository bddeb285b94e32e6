// libcuda: devices, contexts, memory and copies.
#include "streams.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include <sys/mman.h>

void fail(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	fputs("fake CUDA: ", stderr);
	vfprintf(stderr, format, arguments);
	fputs("\n", stderr);
	va_end(arguments);
	abort();
}

long setting(const char *name, long otherwise) {
	const char *value = getenv((std::string("SCALENET_FAKE_") + name).c_str());
	return value && *value ? atol(value) : otherwise;
}

std::recursive_mutex lock;

bool wanted_to_fail(const char *call) {
	LOCKED;
	static std::string wanted;
	static long seen;
	const char *now = getenv("SCALENET_FAKE_FAIL");
	if (!now) now = "";
	if (wanted != now) wanted = now, seen = 0;
	size_t colon = wanted.find(':');
	if (wanted.substr(0, colon) != call) return false;
	seen++;
	return colon == std::string::npos || seen == atol(wanted.c_str() + colon + 1);
}

// Contexts.

struct CUctx_st {
	int device, users;
};
thread_local CUcontext current;
static std::map<CUdevice, CUctx_st> contexts; // primary ones
static std::map<std::string, int> alive;

bool has_context() { return current != nullptr; }
int current_device() { return current->device; }
void count_alive(const char *what, int change) {
	LOCKED;
	if ((alive[what] += change) < 0) fail("%s freed twice", what);
}

// Memory.

static const uint64_t tag = 1ull << 60; // of device addresses
static const size_t page = 4096, margin_byte = 0xA5;

struct block {
	char *mapping, *at;
	size_t mapped, bytes, capacity; // capacity: bytes up to the guard page
};
static std::map<uint64_t, block> blocks; // by device address
static std::deque<block> freed;          // still mapped, without access
static std::map<char *, size_t> pinned;
static size_t in_use;

static size_t total_memory() { return (size_t)setting("MEMORY_MB", 4096) << 20; }

static void check_margin(const block &b) {
	for (size_t i = b.bytes; i < b.capacity; i++)
		if ((unsigned char)b.at[i] != margin_byte) fail("something wrote %zu bytes behind memory of %zu bytes", i - b.bytes + 1, b.bytes);
}

void *resolve(uint64_t address, size_t bytes, size_t align, const char *what) {
	LOCKED;
	auto next = blocks.upper_bound(address);
	if (next == blocks.begin()) fail("%s: 0x%llx is no device address", what, (unsigned long long)address);
	auto &[base, b] = *--next;
	if (address + bytes > base + b.bytes || (bytes == 0 && address >= base + b.bytes && b.bytes > 0))
		fail("%s: %zu bytes from 0x%llx are not all allocated (freed, or beyond the end)", what, bytes, (unsigned long long)address);
	if (address % align) fail("%s: 0x%llx is not aligned to %zu bytes", what, (unsigned long long)address, align);
	return b.at + (address - base);
}

void *device_memory(uint64_t address, size_t align, const char *kernel) {
	return address ? resolve(address, 1, align, kernel) : nullptr;
}

static bool is_pinned(const void *p, size_t bytes) {
	auto next = pinned.upper_bound((char *)p);
	if (next == pinned.begin()) return false;
	auto &[base, size] = *--next;
	return (char *)p + bytes <= base + size;
}

extern "C" {

void sn_fake_unknown(const char *name) { fail("%s is called, which the fake libraries do not have", name); }

CUresult cuInit(unsigned) { return setting("NO_DEVICE", 0) ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS; }
CUresult cuDriverGetVersion(int *v) { *v = (int)setting("DRIVER", 12090); return CUDA_SUCCESS; }
CUresult cuDeviceGetCount(int *n) { *n = (int)setting("DEVICES", 1); return CUDA_SUCCESS; }
CUresult cuDeviceGet(CUdevice *d, int i) {
	if (i < 0 || i >= setting("DEVICES", 1)) return CUDA_ERROR_INVALID_DEVICE;
	*d = i;
	return CUDA_SUCCESS;
}
CUresult cuDeviceGetName(char *name, int n, CUdevice) {
	snprintf(name, n, "fake CUDA");
	return CUDA_SUCCESS;
}
CUresult cuDeviceGetPCIBusId(char *bus, int n, CUdevice) {
	if (wanted_to_fail(__func__)) return CUDA_ERROR_INVALID_DEVICE;
	snprintf(bus, n, "%s", bus_of_gpu);
	return CUDA_SUCCESS;
}
CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice) { *bytes = total_memory(); return CUDA_SUCCESS; }
CUresult cuDeviceGetAttribute(int *v, CUdevice_attribute a, CUdevice) {
	long capability = setting("CAPABILITY", 80);
	switch (a) {
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *v = (int)(capability / 10); return CUDA_SUCCESS;
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *v = (int)(capability % 10); return CUDA_SUCCESS;
	default: fail("cuDeviceGetAttribute of %d", (int)a);
	}
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice d) {
	LOCKED;
	if (wanted_to_fail(__func__)) return CUDA_ERROR_OUT_OF_MEMORY;
	contexts[d].users++;
	contexts[d].device = d;
	*c = &contexts[d];
	return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice d) {
	LOCKED;
	if (!contexts.count(d)) return CUDA_ERROR_INVALID_CONTEXT;
	if (--contexts[d].users > 0) return CUDA_SUCCESS;
	contexts.erase(d);
	current = nullptr;
	if (!contexts.empty()) return CUDA_SUCCESS; // what is left is looked for at the end of the last
	if (!blocks.empty()) fail("%zu blocks of device memory are left, the first of %zu bytes", blocks.size(), blocks.begin()->second.bytes);
	if (!pinned.empty()) fail("%zu blocks of pinned memory are left", pinned.size());
	if (streams_left()) fail("%zu streams are left", streams_left());
	if (events_left()) fail("%zu events are left", events_left());
	if (modules_left()) fail("%zu modules are left", modules_left());
	for (auto &[what, n] : alive)
		if (n) fail("%d of %s are left", n, what.c_str());
	return CUDA_SUCCESS;
}
CUresult cuCtxSetCurrent(CUcontext c) {
	NEEDS_NO_CONTEXT;
	current = c;
	return CUDA_SUCCESS;
}
CUresult cuCtxSynchronize(void) {
	NEEDS_CONTEXT;
	drain_all();
	return CUDA_SUCCESS;
}

CUresult cuMemAlloc_v2(CUdeviceptr *p, size_t n) {
	NEEDS_CONTEXT;
	if (n == 0) return CUDA_ERROR_INVALID_VALUE;
	if (capturing()) fail("memory is allocated while a stream is captured");
	if (in_use + n > total_memory()) return CUDA_ERROR_OUT_OF_MEMORY;
	size_t capacity = (n + 255) / 256 * 256, pages = (capacity + page - 1) / page * page;
	char *m = (char *)mmap(nullptr, pages + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
	if (mprotect(m + page, pages, PROT_READ | PROT_WRITE)) fail("mprotect");
	block b = {m, m + page + (pages - capacity), pages + 2 * page, n, capacity};
	memset(b.at, 0xff, n); // NaNs
	memset(b.at + n, margin_byte, capacity - n);
	*p = (uint64_t)b.at | tag;
	blocks[*p] = b;
	in_use += n;
	return CUDA_SUCCESS;
}
CUresult cuMemFree_v2(CUdeviceptr p) {
	LOCKED;
	auto found = blocks.find(p);
	if (found == blocks.end()) fail("cuMemFree of 0x%llx, which is not allocated", (unsigned long long)p);
	want_idle(__func__);
	block b = found->second;
	check_margin(b);
	if (mprotect(b.mapping, b.mapped, PROT_NONE)) fail("mprotect");
	madvise(b.mapping, b.mapped, MADV_DONTNEED);
	freed.push_back(b);
	if (freed.size() > 500) {
		munmap(freed.front().mapping, freed.front().mapped);
		freed.pop_front();
	}
	in_use -= b.bytes;
	blocks.erase(found);
	return CUDA_SUCCESS;
}
CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
	NEEDS_CONTEXT;
	*total = total_memory();
	*free = *total - in_use;
	return CUDA_SUCCESS;
}
CUresult cuMemAllocHost_v2(void **p, size_t n) {
	NEEDS_CONTEXT;
	if (!(*p = malloc(n))) return CUDA_ERROR_OUT_OF_MEMORY;
	pinned[(char *)*p] = n;
	return CUDA_SUCCESS;
}
CUresult cuMemFreeHost(void *p) {
	LOCKED;
	want_idle(__func__);
	if (!pinned.erase((char *)p)) fail("cuMemFreeHost of memory that is not pinned");
	free(p);
	return CUDA_SUCCESS;
}

// A sum of pinned memory: it must not change before it was copied.
static uint64_t sum_of(const void *p, size_t n) {
	uint64_t sum = 14695981039346656037u;
	for (size_t i = 0; i < n; i++) sum = (sum ^ ((const unsigned char *)p)[i]) * 1099511628211u;
	return sum;
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr d, const void *s, size_t n, CUstream stream) {
	NEEDS_CONTEXT;
	if (!is_pinned(s, n)) fail("an asynchronous copy of %zu bytes from memory that is not pinned", n);
	resolve(d, n, 1, __func__);
	uint64_t sum = sum_of(s, n);
	return enqueue(stream, __func__, {{d, d + n, true}}, [=] {
		if (sum_of(s, n) != sum) fail("pinned memory was changed before it was copied");
		memcpy(resolve(d, n, 1, "cuMemcpyHtoDAsync"), s, n);
	}) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
CUresult cuMemcpyDtoHAsync_v2(void *d, CUdeviceptr s, size_t n, CUstream stream) {
	NEEDS_CONTEXT;
	if (!is_pinned(d, n)) fail("an asynchronous copy of %zu bytes to memory that is not pinned", n);
	resolve(s, n, 1, __func__);
	memset(d, 0xa5, n); // who reads it before it is there does not get what was
	return enqueue(stream, __func__, {{s, s + n, false}}, [=] { memcpy(d, resolve(s, n, 1, "cuMemcpyDtoHAsync"), n); })
		? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
CUresult cuMemsetD8Async(CUdeviceptr d, unsigned char v, size_t n, CUstream stream) {
	NEEDS_CONTEXT;
	resolve(d, n, 1, __func__);
	return enqueue(stream, __func__, {{d, d + n, true}}, [=] { memset(resolve(d, n, 1, "cuMemsetD8Async"), v, n); })
		? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuGetErrorString(CUresult status, const char **text) {
	*text = status == CUDA_ERROR_OUT_OF_MEMORY ? "out of memory" : status == CUDA_ERROR_LAUNCH_FAILED ? "unspecified launch failure" : "error";
	return CUDA_SUCCESS;
}
}
