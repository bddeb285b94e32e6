//go:build gpu

#include "driver.h"

CUresult sn_launch(CUfunction function, unsigned blocks, unsigned threads, CUstream stream, uint64_t *words, int count) {
	void *arguments[count];
	for (int i = 0; i < count; i++) arguments[i] = &words[i];
	return cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, stream, arguments, NULL);
}
