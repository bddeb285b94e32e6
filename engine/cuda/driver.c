//go:build gpu

// The CUDA driver, found when a device is opened and not when the program starts.
//
// gorgonia.org/cu calls functions of libcuda and ends the process in its init where there is no GPU. Here all of them are
// defined: each jumps to where its pointer says, which is the driver's function once sn_driver_open has found the library, and
// until then one that answers "not supported". So the program starts on any machine, computes on the CPU there, and says in one
// line what is missing. cuInit, which cu's init calls, always succeeds; sn_driver_open makes the real call.

#include "driver.h"

#include <dlfcn.h>
#include <stdio.h>

#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN int sn_driver_unbound(void) { return CUDA_ERROR_NOT_SUPPORTED; }

#if defined(__x86_64__)
#define JUMP(name) "\tjmp *sn_bound_" #name "(%rip)\n"
#elif defined(__aarch64__)
#define JUMP(name) "\tadrp x16, sn_bound_" #name "\n\tldr x16, [x16, :lo12:sn_bound_" #name "]\n\tbr x16\n"
#else
#error "engine/cuda: jumps to the CUDA driver are written for x86-64 and arm64"
#endif

#define DRIVER(name)                                                                                       \
	HIDDEN void *sn_bound_##name = (void *)sn_driver_unbound;                                              \
	__asm__("\t.text\n\t.globl " #name "\n\t.hidden " #name "\n\t.type " #name ", %function\n" #name ":\n" \
	        JUMP(name) "\t.size " #name ", .-" #name "\n");
#include "driver_functions.h"
#undef DRIVER

HIDDEN CUresult cuInit(unsigned flags) {
	(void)flags;
	return CUDA_SUCCESS;
}

int sn_driver_open(char *message) {
	static void *library;
	if (library) return 0;
	void *found = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!found) {
		snprintf(message, SN_MESSAGE, "no NVIDIA driver on this machine (%s)", dlerror());
		return -1;
	}
	CUresult (*init)(unsigned) = (CUresult(*)(unsigned))dlsym(found, "cuInit");
	CUresult status = init ? init(0) : CUDA_ERROR_NOT_FOUND;
	if (status == CUDA_ERROR_NO_DEVICE) {
		snprintf(message, SN_MESSAGE, "the NVIDIA driver finds no GPU");
		return -1;
	}
	if (status != CUDA_SUCCESS) {
		snprintf(message, SN_MESSAGE, "the NVIDIA driver does not start: error %d of cuInit", status);
		return -1;
	}
#define DRIVER(name)                                             \
	{                                                            \
		void *function = dlsym(found, #name);                    \
		if (function) sn_bound_##name = function;                \
	}
#include "driver_functions.h"
#undef DRIVER
	library = found;
	return 0;
}
