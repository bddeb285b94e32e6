//go:build gpu

#include "nvml.h"

#include <dlfcn.h>
#include <stdio.h>

// What is used of nvml.h, which is not among CUDA's headers; it is the same in every version.
typedef struct {
	unsigned gpu, memory;
} utilization;
static int (*init)(void);
static int (*handle_by_bus)(const char *, void **);
static int (*utilization_rates)(void *, utilization *);
static const char *(*error_string)(int);

// Loaded and started once; it stays so to the end of the process.
static int start(char *message) {
	static void *started;
	if (started) return 0;
	void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		snprintf(message, SN_MESSAGE, "no NVML on this machine (%s)", dlerror());
		return -1;
	}
	if (!(init = (int (*)(void))dlsym(library, "nvmlInit_v2")) ||
	    !(handle_by_bus = (int (*)(const char *, void **))dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2")) ||
	    !(utilization_rates = (int (*)(void *, utilization *))dlsym(library, "nvmlDeviceGetUtilizationRates")) ||
	    !(error_string = (const char *(*)(int))dlsym(library, "nvmlErrorString"))) {
		snprintf(message, SN_MESSAGE, "NVML lacks a function: its version is not supported");
		return -1;
	}
	int status = init();
	if (status) {
		snprintf(message, SN_MESSAGE, "nvmlInit: %s", error_string(status));
		return -1;
	}
	started = library;
	return 0;
}

int sn_utilization(CUdevice gpu, unsigned *percent, char *message) {
	// CUDA numbers GPUs in another order than NVML, and not those that are hidden from it: the bus says which one is meant.
	char bus[32];
	int status = cuDeviceGetPCIBusId(bus, sizeof bus, gpu);
	if (status) {
		snprintf(message, SN_MESSAGE, "cuDeviceGetPCIBusId: error %d of the CUDA driver", status);
		return -1;
	}
	if (start(message)) return -1;
	void *device;
	utilization u;
	const char *call = "nvmlDeviceGetHandleByPciBusId";
	if (!(status = handle_by_bus(bus, &device))) {
		call = "nvmlDeviceGetUtilizationRates";
		status = utilization_rates(device, &u);
	}
	if (status) {
		snprintf(message, SN_MESSAGE, "%s: %s", call, error_string(status));
		return -1;
	}
	*percent = u.gpu;
	return 0;
}
