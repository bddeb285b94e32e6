// Picks the kernels for this processor when the program starts. SCALENET_INT8=avx2 or x86-64 takes those of a lesser one, for tests.
#include <cstdlib>

#include "loops.h"

static int level() {
  __builtin_cpu_init();
  int best = 0;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = 1;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni"))
    best = 2;
  const char *want = std::getenv("SCALENET_INT8");
  if (want && !std::strcmp(want, "avx2")) best = std::min(best, 1);
  if (want && !std::strcmp(want, "x86-64")) best = 0;
  return best;
}

static const int chosen = level();

#define CALL(name, ...)                                       \
  (chosen == 2   ? int8_avx512::name(__VA_ARGS__)             \
   : chosen == 1 ? int8_avx2::name(__VA_ARGS__)               \
                 : int8_plain::name(__VA_ARGS__))

size_t sn_int8_scratch(const sn_int8_conv *c, int threads) { return CALL(scratch, c, threads); }
void sn_int8_convolve(const sn_int8_conv *c) { CALL(convolve, c); }
int sn_int8_winograd(const sn_int8_conv *c) { return CALL(winograd, c); }
size_t sn_int8_packed_bytes(int64_t co, int64_t ci, int64_t taps, int winograd) { return CALL(packed_bytes, co, ci, taps, winograd); }
void sn_int8_pack(const uint8_t *weight, int64_t co, int64_t ci, int64_t taps, int winograd, void *packed, int32_t *sum) {
  CALL(pack, weight, co, ci, taps, winograd, packed, sum);
}
void sn_int8_resize(const sn_int8_source *s, int count, int bytes, const sn_int8_end *end, int64_t n, int64_t oh, int64_t ow, int64_t c) {
  CALL(resize, s, count, bytes, end, n, oh, ow, c);
}
void sn_int8_max_pool(const uint8_t *x, uint8_t *y, int64_t n, int64_t h, int64_t w, int64_t c, int64_t oh, int64_t ow, int64_t kernel,
                      int64_t stride, int64_t pad) {
  CALL(max_pool, x, y, n, h, w, c, oh, ow, kernel, stride, pad);
}
void sn_int8_quantize(const float *x, uint8_t *y, int64_t n, float inverse, int zero) { CALL(quantize, x, y, n, inverse, zero); }
void sn_int8_dequantize(const uint8_t *x, float *y, int64_t n, float scale, int zero) { CALL(dequantize, x, y, n, scale, zero); }

const char *sn_int8_isa(void) { return chosen == 2 ? "avx512 vnni" : chosen == 1 ? "avx2" : "x86-64"; }
