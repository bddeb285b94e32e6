// The fake CUDA libraries: a device whose memory is the process's and whose kernels are C++. It is stricter than a GPU: what
// a GPU would do wrong silently, or only sometimes, ends the process here with a line that says what it was.
//
//  * Device addresses are no host addresses: code that reads them outside of a kernel crashes.
//  * Work in a stream runs when somebody waits for the stream, not before; copies that are not in a stream may not overtake it.
//  * Copies and kernels of two streams that touch the same memory must be put into an order by events or by the host's waiting, whatever
//    happens to run first. Of a kernel, that is where its pointers point. Pinned memory must stay as it is until it was copied.
//  * NCCL's work, which another process can hold up, is waited for with cuEventQuery only, and NCCL is not called while it is busy.
//  * Memory begins as NaNs, has a margin that must stay as it is and is not given out again; freeing it under work in a stream,
//    using it afterwards, and all that is left when the context is given back are errors.
//  * The threads of a kernel run in one order in a first launch and in the reverse in the next; those of a block that wait for each other,
//    in one order up to a barrier and in the reverse up to the next. A barrier that not all come to is an error. A block's shared memory
//    begins as NaNs.
//  * A driver function that is not written here is an error that names it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <cuda.h>

[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// A number that a test has set in the environment, as SCALENET_FAKE_<NAME>.
long setting(const char *name, long otherwise);

// Whether the test wants this call to fail: SCALENET_FAKE_FAIL is the call's name, or name:n for
// the n-th from when it is set.
bool wanted_to_fail(const char *call);

// The memory behind `bytes` from a device address; ends the process unless all of it is allocated and aligned.
void *resolve(uint64_t address, size_t bytes, size_t align, const char *what);

// Memory that work touches.
struct access {
	uint64_t from, to;
	bool writes;
};
// Puts work at the end of a stream; false where the stream is not one.
bool enqueue(CUstream stream, const char *name, std::vector<access> touches, std::function<void()> run);
// The same for work that other processes take part in: `try_to_run` is called until it is true. Only cuEventQuery may wait for it, as
// other waits would have no end if a process died.
bool enqueue_shared(CUstream stream, const char *name, std::vector<access> touches, std::function<bool()> try_to_run);
// Memory that a library is given, of which only the beginning is known; null is none.
std::vector<access> beginnings(std::initializer_list<const void *> pointers);

// Where the GPU is on the PCI bus, as driver and NVML name it.
static const char bus_of_gpu[] = "0000:5e:00.0";

// Whether the calling thread has a context, and the number of its GPU.
bool has_context();
int current_device();

// What is alive of the libraries: +1 and -1.
void count_alive(const char *what, int change);
