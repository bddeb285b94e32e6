// libnvidia-ml: how busy the GPU is, as SCALENET_FAKE_UTILIZATION says.
#include "fake.h"

#include <cstring>

static bool started;
enum { SUCCESS = 0, UNINITIALIZED = 1, NOT_SUPPORTED = 3, NOT_FOUND = 6, UNKNOWN = 999 };

extern "C" {

int nvmlInit_v2(void) {
	if (wanted_to_fail(__func__)) return UNKNOWN;
	started = true;
	return SUCCESS;
}
const char *nvmlErrorString(int status) {
	return status == UNINITIALIZED ? "Uninitialized" : status == NOT_SUPPORTED ? "Not Supported" : status == NOT_FOUND ? "Not Found" : "Unknown Error";
}
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device) {
	if (!started) return UNINITIALIZED;
	if (wanted_to_fail(__func__) || strcmp(bus, bus_of_gpu)) return NOT_FOUND;
	*device = &started;
	return SUCCESS;
}
int nvmlDeviceGetUtilizationRates(void *device, unsigned *rates) {
	if (device != &started) fail("nvmlDeviceGetUtilizationRates of no device");
	if (wanted_to_fail(__func__)) return NOT_SUPPORTED;
	rates[0] = (unsigned)setting("UTILIZATION", 37);
	rates[1] = 99;
	return SUCCESS;
}
}
