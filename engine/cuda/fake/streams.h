// Streams of the fake libraries, for the files of libcuda.
#pragma once

#include "fake.h"

#include <mutex>

extern std::recursive_mutex lock;
extern thread_local CUcontext current;

#define LOCKED std::lock_guard<std::recursive_mutex> guard(lock)

#define NEEDS_CONTEXT                                         \
	LOCKED;                                                   \
	if (!current) return CUDA_ERROR_INVALID_CONTEXT;          \
	if (wanted_to_fail(__func__)) return CUDA_ERROR_LAUNCH_FAILED

#define NEEDS_NO_CONTEXT \
	LOCKED;              \
	if (wanted_to_fail(__func__)) return CUDA_ERROR_LAUNCH_FAILED

// Ends the process if a stream of the calling thread has work that nobody has waited for.
void want_idle(const char *call);
// Whether a stream is captured.
bool capturing();
// Waits for all streams.
void drain_all();
// Streams and events that are alive.
size_t streams_left();
size_t events_left();
// Modules that are loaded.
size_t modules_left();
