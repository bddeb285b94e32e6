// Picks each loop for the instruction set of this processor when the program is loaded (GNU ifunc).
#include "loops.h"

static int level() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return __builtin_cpu_supports("avx512bf16") ? 3 : 2;
#ifdef SN_WIDE_ON_AVX2  // the others were not compiled
  return 2;
#define OF_LEVEL(l, name, bf16) avx512::name
#else
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 1 : 0;
#define OF_LEVEL(l, name, bf16) (l == 3 ? bf16::name : l == 2 ? avx512::name : l == 1 ? avx2::name : plain::name)
#endif
}

#define PICK_FROM(name, bf16)                                                               \
  extern "C" __attribute__((visibility("hidden"))) decltype(&sn_##name) sn_pick_##name() {  \
    [[maybe_unused]] int l = level();                                                       \
    return OF_LEVEL(l, name, bf16);                                                         \
  }                                                                                         \
  extern "C" decltype(sn_##name) sn_##name __attribute__((ifunc("sn_pick_" #name)));
#define PICK(name) PICK_FROM(name, avx512)
#define PICK_BF16(name) PICK_FROM(name, avx512_bf16)
SN_LOOPS(PICK)
SN_WINOGRAD(PICK_BF16)

void sn_linear_run(const sn_linear_product *l) { avx512::linear_run(l); }
void sn_linear_weights(const float *w, int64_t co, int64_t ci, float *to) { avx512::linear_weights(w, co, ci, to); }
int64_t sn_linear_weight_size(int64_t co, int64_t ci) { return avx512::linear_weight_size(co, ci); }

const char *sn_isa(void) {
  static const char *const names[] = {"x86-64", "avx2", "avx512", "avx512 bf16"};
  return names[level()];
}
