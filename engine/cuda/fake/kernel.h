// What kernels/device.h needs of CUDA, as C++: the index of the thread that runs, and the registration of kernels by name.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

struct index3 {
	unsigned x, y, z;
};
#ifdef SN_THREADS // the threads of a block are threads (races.cc)
#define PER_THREAD thread_local
#else
#define PER_THREAD
#endif
extern PER_THREAD index3 blockIdx, threadIdx;
extern index3 blockDim, gridDim;

// The memory behind a device address of `align` bytes' alignment; ends the process where there is none.
void *device_memory(uint64_t address, size_t align, const char *kernel);

// A kernel as the driver calls it: its arguments are 8 bytes each.
struct registered_kernel {
	std::string name, signature; // a letter a parameter: p, i (32 bits), f, d
	std::function<std::function<void()>(const uint64_t *)> bind; // arguments -> what one thread runs
	size_t parameters;
	bool cooperative; // its threads wait for each other
};
void register_kernel(registered_kernel k);

template <class T> struct parameter {
	static char letter() {
		if (std::is_same<T, float>::value) return 'f';
		return std::is_same<T, double>::value ? 'd' : sizeof(T) == 4 ? 'i' : '?';
	}
	static T from(uint64_t word, const char *) {
		T v;
		memcpy(&v, &word, sizeof v);
		return v;
	}
};
template <class T> struct parameter<T *> {
	static char letter() { return 'p'; }
	static T *from(uint64_t word, const char *kernel) { return (T *)device_memory(word, alignof(T), kernel); }
};

struct registration {
	template <class... P> registration(const char *name, void (*function)(P...), bool cooperative) {
		registered_kernel k;
		k.cooperative = cooperative;
		k.name = name;
		k.parameters = sizeof...(P);
		(k.signature.push_back(parameter<P>::letter()), ...);
		k.bind = [=](const uint64_t *words) { return bind(name, function, words, std::index_sequence_for<P...>()); };
		register_kernel(k);
	}
	template <class... P, size_t... I>
	static std::function<void()> bind(const char *name, void (*function)(P...), const uint64_t *words, std::index_sequence<I...>) {
		return [=, values = std::make_tuple(parameter<P>::from(words[I], name)...)] { std::apply(function, values); };
	}
};

#define FN static inline
#define KERNEL(name, parameters) REGISTERED(name, parameters, false)
#define COOPERATIVE(name, parameters) REGISTERED(name, parameters, true)
#define REGISTERED(name, parameters, cooperative)                       \
	static void name parameters;                                        \
	static ::registration registered_##name(#name, &name, cooperative); \
	static void name parameters
// Memory of a block; blocks run one after the other and begin with NaNs in it.
#define SHARED static __attribute__((section("sn_shared")))
// Waits until all threads of the block are here.
void barrier();

FN float from_bits(u32 bits) {
	float v;
	memcpy(&v, &bits, sizeof v);
	return v;
}
FN u32 to_bits(float v) {
	u32 bits;
	memcpy(&bits, &v, sizeof bits);
	return bits;
}
FN float half_to_float(u16 bits) {
	_Float16 v;
	memcpy(&v, &bits, sizeof v);
	return (float)v;
}
FN u16 float_to_half(float value) {
	_Float16 v = (_Float16)value;
	u16 bits;
	memcpy(&bits, &v, sizeof bits);
	return bits;
}
FN void set_if_zero(u64 *word, u64 value) {
	if (*word == 0) *word = value;
}
FN void add_to(u32 *word, u32 value) { __atomic_fetch_add(word, value, __ATOMIC_RELAXED); }
FN void or_into(u64 *word, u64 bits) { __atomic_fetch_or(word, bits, __ATOMIC_RELAXED); }
FN u32 lowest_bit(u64 bits) { return __builtin_ctzll(bits); }
