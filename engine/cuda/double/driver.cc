// libcuda: contexts, memory, modules, launches.
#include "streams.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <ucontext.h>

typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
#include "kernel.h"

index3 blockIdx, threadIdx, blockDim, gridDim;

void fail(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	fputs("CUDA double: ", stderr);
	vfprintf(stderr, format, arguments);
	fputs("\n", stderr);
	va_end(arguments);
	abort();
}

long setting(const char *name, long otherwise) {
	const char *value = getenv((std::string("SCALENET_DOUBLE_") + name).c_str());
	return value && *value ? atol(value) : otherwise;
}

std::recursive_mutex lock;

bool wanted_to_fail(const char *call) {
	LOCKED;
	static std::string wanted;
	static long seen;
	const char *now = getenv("SCALENET_DOUBLE_FAIL");
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
void count_alive(const char *what, int change) {
	LOCKED;
	if ((alive[what] += change) < 0) fail("%s freed twice", what);
}

// Memory.

static const uint64_t tag = 1ull << 60; // of device addresses
static const size_t page = 4096, margin_byte = 0xA5;

struct block {
	char *mapping, *at;
	size_t mapped, bytes, room; // room: bytes up to the guard page
};
static std::map<uint64_t, block> blocks; // by device address
static std::deque<block> freed;          // still mapped, without access
static std::map<char *, size_t> pinned;
static size_t in_use;

static size_t total_memory() { return (size_t)setting("MEMORY_MB", 4096) << 20; }

static void check_margin(const block &b) {
	for (size_t i = b.bytes; i < b.room; i++)
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

// Kernels.

static std::map<std::string, registered_kernel> &kernels() {
	static std::map<std::string, registered_kernel> all;
	return all;
}
void register_kernel(registered_kernel k) { kernels()[k.name] = k; }

struct CUmod_st {
	std::string ptx;
	std::vector<CUfunction> functions;
};
struct CUfunc_st {
	registered_kernel kernel;
	int launches = 0;
};
static std::set<CUmodule> modules;
static std::set<CUfunction> functions;

// The parameters of an entry of PTX, a letter each.
static std::string ptx_signature(const std::string &ptx, const std::string &name, bool *found) {
	size_t at = ptx.find(".entry " + name + "(");
	*found = at != std::string::npos;
	if (!*found) return "";
	std::string letters, list = ptx.substr(at, ptx.find(')', at) - at);
	for (size_t p = list.find(".param "); p != std::string::npos; p = list.find(".param ", p + 1)) {
		std::string type = list.substr(p + 7, 4);
		letters += type == ".u64" ? 'p' : type == ".f32" ? 'f' : type == ".f64" ? 'd' : type == ".u32" ? 'i' : '?';
	}
	return letters;
}

// A block whose threads wait for each other: each has a stack and runs until it comes to a barrier, in one order up to the first barrier
// and in the reverse up to the next.
struct block_thread {
	ucontext_t context;
	bool ended;
};
static const size_t stack_bytes = 64 << 10;
static block_thread block_threads[256];
static ucontext_t block_context;
static block_thread *running;
static std::function<void()> *thread_body;

void barrier() {
	if (!running) fail("a barrier in a kernel that is not COOPERATIVE");
	swapcontext(&running->context, &block_context);
}
static void run_thread() {
	(*thread_body)();
	running->ended = true;
}

static void begin(size_t t) {
	static char *stacks = (char *)mmap(nullptr, 256 * stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	block_thread &b = block_threads[t];
	getcontext(&b.context);
	b.context.uc_stack.ss_sp = stacks + t * stack_bytes;
	b.context.uc_stack.ss_size = stack_bytes;
	b.context.uc_link = &block_context;
	b.ended = false;
	makecontext(&b.context, run_thread, 0);
}

extern char __start_sn_shared[], __stop_sn_shared[]; // all kernels' shared memory

static void run_block(const char *name, std::function<void()> &thread, size_t n, bool reverse) {
	memset(__start_sn_shared, 0xff, __stop_sn_shared - __start_sn_shared);
	thread_body = &thread;
	for (size_t t = 0; t < n; t++) begin(t);
	for (size_t ended = 0; ended < n; reverse = !reverse) {
		ended = 0;
		for (size_t j = 0; j < n; j++) {
			size_t t = reverse ? n - 1 - j : j;
			threadIdx = {(unsigned)t, 0, 0};
			running = &block_threads[t];
			swapcontext(&block_context, &running->context);
			ended += running->ended;
		}
		if (ended > 0 && ended < n) fail("%s: %zu of %zu threads wait at a barrier that the others do not come to", name, n - ended, n);
	}
	running = nullptr;
}

static void run_kernel(CUfunction f, const registered_kernel &k, index3 grid, index3 block, const std::vector<uint64_t> &words) {
	auto thread = k.bind(words.data());
	gridDim = grid;
	blockDim = block;
	size_t per_block = (size_t)block.x * block.y * block.z, blocks = (size_t)grid.x * grid.y * grid.z;
	bool reverse = f->launches++ % 2;
	for (size_t j = 0; j < blocks; j++) {
		size_t b = reverse ? blocks - 1 - j : j;
		blockIdx = {(unsigned)(b % grid.x), (unsigned)(b / grid.x % grid.y), (unsigned)(b / grid.x / grid.y)};
		if (k.cooperative) {
			run_block(k.name.c_str(), thread, per_block, reverse);
			continue;
		}
		for (size_t i = 0; i < per_block; i++) {
			size_t t = reverse ? per_block - 1 - i : i;
			threadIdx = {(unsigned)(t % block.x), (unsigned)(t / block.x % block.y), (unsigned)(t / block.x / block.y)};
			thread();
		}
	}
}

extern "C" {

void sn_double_unknown(const char *name) { fail("%s is called, which the double does not have", name); }

CUresult cuInit(unsigned) { return setting("NO_DEVICE", 0) ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS; }
CUresult cuDriverGetVersion(int *v) { *v = (int)setting("DRIVER", 12090); return CUDA_SUCCESS; }
CUresult cuDeviceGetCount(int *n) { *n = (int)setting("DEVICES", 1); return CUDA_SUCCESS; }
CUresult cuDeviceGet(CUdevice *d, int i) {
	if (i < 0 || i >= setting("DEVICES", 1)) return CUDA_ERROR_INVALID_DEVICE;
	*d = i;
	return CUDA_SUCCESS;
}
CUresult cuDeviceGetName(char *name, int n, CUdevice) {
	snprintf(name, n, "CUDA double");
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
	*c = &contexts[d];
	return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice d) {
	LOCKED;
	if (!contexts.count(d)) return CUDA_ERROR_INVALID_CONTEXT;
	if (--contexts[d].users > 0) return CUDA_SUCCESS;
	contexts.erase(d);
	current = nullptr;
	if (!blocks.empty()) fail("%zu blocks of device memory are left, the first of %zu bytes", blocks.size(), blocks.begin()->second.bytes);
	if (!pinned.empty()) fail("%zu blocks of pinned memory are left", pinned.size());
	if (streams_left()) fail("%zu streams are left", streams_left());
	if (events_left()) fail("%zu events are left", events_left());
	if (!modules.empty()) fail("%zu modules are left", modules.size());
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
	size_t room = (n + 255) / 256 * 256, pages = (room + page - 1) / page * page;
	char *m = (char *)mmap(nullptr, pages + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
	if (mprotect(m + page, pages, PROT_READ | PROT_WRITE)) fail("mprotect");
	block b = {m, m + page + (pages - room), pages + 2 * page, n, room};
	memset(b.at, 0xff, n); // NaNs
	memset(b.at + n, margin_byte, room - n);
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

CUresult cuModuleLoadData(CUmodule *m, const void *image) {
	NEEDS_CONTEXT;
	std::string ptx = (const char *)image;
	if (ptx.find(".version ") == std::string::npos || ptx.find(".target sm_") == std::string::npos) return CUDA_ERROR_INVALID_PTX;
	if (atol(ptx.c_str() + ptx.find(".target sm_") + 11) > setting("CAPABILITY", 80)) return CUDA_ERROR_NO_BINARY_FOR_GPU;
	modules.insert(*m = new CUmod_st{ptx, {}});
	return CUDA_SUCCESS;
}
CUresult cuModuleUnload(CUmodule m) {
	LOCKED;
	if (!modules.erase(m)) fail("cuModuleUnload of no module");
	want_idle(__func__);
	for (auto f : m->functions) functions.erase(f), delete f;
	delete m;
	return CUDA_SUCCESS;
}
CUresult cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) {
	NEEDS_CONTEXT;
	if (!modules.count(m)) return CUDA_ERROR_INVALID_HANDLE;
	bool found;
	std::string signature = ptx_signature(m->ptx, name, &found);
	if (!found) return CUDA_ERROR_NOT_FOUND;
	auto k = kernels().find(name);
	if (k == kernels().end()) fail("kernel %s of the PTX is not in the C++ build", name);
	if (k->second.signature != signature)
		fail("kernel %s has parameters %s in the PTX and %s in the C++ build", name, signature.c_str(), k->second.signature.c_str());
	functions.insert(*f = new CUfunc_st{k->second});
	m->functions.push_back(*f);
	return CUDA_SUCCESS;
}
CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                        CUstream s, void **arguments, void **extra) {
	NEEDS_CONTEXT;
	if (!functions.count(f)) fail("a launch of no kernel");
	const char *name = f->kernel.name.c_str();
	if (gx < 1 || gy < 1 || gz < 1 || gx > 0x7fffffffu || gy > 65535 || gz > 65535) fail("%s: a grid of %ux%ux%u", name, gx, gy, gz);
	if (bx < 1 || by < 1 || bz < 1 || bx * by * bz > 256) fail("%s: a block of %ux%ux%u", name, bx, by, bz);
	if (f->kernel.cooperative && by * bz > 1) fail("%s: its block must be a row of threads", name);
	if (shared > 48 << 10 || extra) fail("%s: shared memory of %u bytes", name, shared);
	std::vector<uint64_t> words(f->kernel.parameters);
	for (size_t i = 0; i < words.size(); i++) memcpy(&words[i], arguments[i], 8);
	f->kernel.bind(words.data()); // checks the pointers now, too
	registered_kernel k = f->kernel;
	std::vector<access> touches; // where its pointers point
	for (size_t i = 0; i < words.size(); i++)
		if (k.signature[i] == 'p' && words[i]) touches.push_back({words[i], words[i] + 1, true});
	return enqueue(s, name, touches, [=] { run_kernel(f, k, {gx, gy, gz}, {bx, by, bz}, words); }) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuGetErrorString(CUresult status, const char **text) {
	*text = status == CUDA_ERROR_OUT_OF_MEMORY ? "out of memory" : status == CUDA_ERROR_LAUNCH_FAILED ? "unspecified launch failure" : "error";
	return CUDA_SUCCESS;
}
}
