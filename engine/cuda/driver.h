#ifndef SN_DRIVER_H
#define SN_DRIVER_H

#include <cuda.h>
#include <stdint.h>

enum { SN_MESSAGE = 512 }; // bytes of an error's text

// Finds the driver's library and starts it; -1 and a message where there is none. Called under a lock.
int sn_driver_open(char *message);

// Launches a kernel of so many arguments, of which the driver reads as many bytes as each has.
CUresult sn_launch(CUfunction function, unsigned blocks, unsigned threads, CUstream stream, uint64_t *words, int count);

#endif
