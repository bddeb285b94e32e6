// NVML, which the driver brings along: it alone knows how busy a GPU is.
#ifndef SN_NVML_H
#define SN_NVML_H

#include "driver.h"

// How much of the last sample, in percent, the GPU computed, for this and other programs; the driver must have been found. -1 and a
// message where NVML is missing or does not tell (parts of a GPU, MIG). Called under a lock.
int sn_utilization(CUdevice gpu, unsigned *percent, char *message);

#endif
