// libcuda: modules, and how their kernels run.
#include "streams.h"

#include <cstdlib>
#include <cstring>
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

size_t modules_left() { return modules.size(); }

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
}
