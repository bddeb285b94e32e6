// The C interface of the kernels that compute on bytes. Features are NHWC. A byte q stands for (q - zero) * scale.
//
// Results have the same bits on every processor and with any number of threads: sums of products are integers, and what follows is a chain of
// fused multiply-adds in float32, in the order that package engine defines.
#ifndef SCALENET_INT8_H
#define SCALENET_INT8_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const void *x;
  int64_t h, w;
  int zero;
  float scale;
  // Taps: target i is the sum of weight[t] * source index[t] for t in [begin[i], begin[i+1]).
  const int32_t *row_begin, *row_index, *column_begin, *column_index;
  const float *row_weight, *column_weight;
} sn_int8_source;

// What ends a kernel: v += (residual - residual_zero) * residual_scale, relu, and rounding to a byte. The residual and the result are bytes, or
// float32 where *_bytes is 0.
typedef struct {
  const void *residual;  // or NULL; maybe y itself
  int residual_bytes, residual_zero;
  float residual_scale;
  void *y;
  int y_bytes, y_zero, relu;
} sn_int8_end;

typedef struct {
  int64_t n, h, w, ci, oh, ow, co, kh, kw, stride, pad, dilation;
  const uint8_t *x;
  int x_zero;
  int winograd;                   // how it is computed, and its weight packed: sn_int8_winograd; a result has the same bits either way
  const void *weight;             // packed by sn_int8_pack
  const int32_t *sum;             // (co) of the weights of an output channel
  const float *factor, *constant; // (co): v = sum of products * factor + constant
  sn_int8_end end;
  void *scratch;                  // sn_int8_scratch bytes
  // Sources whose pixels are repeated, at most SN_SUMMED: v = v * sum_scale + their sum, before the relu. They are bytes, or float32.
  const sn_int8_source *source;
  int sources, source_bytes;
  float sum_scale;
} sn_int8_conv;

enum { SN_SUMMED = 3 };

size_t sn_int8_scratch(const sn_int8_conv *c, int threads);
void sn_int8_convolve(const sn_int8_conv *c);

int sn_int8_winograd(const sn_int8_conv *c);  // whether Winograd's method is faster

// Packs a weight (co, ci, taps), whose byte 128 stands for zero, and adds up the values of each output channel.
void sn_int8_pack(const uint8_t *weight, int64_t co, int64_t ci, int64_t taps, int winograd, void *packed, int32_t *sum);
size_t sn_int8_packed_bytes(int64_t co, int64_t ci, int64_t taps, int winograd);

// The sources are bytes, or float32 if bytes is 0.
void sn_int8_resize(const sn_int8_source *s, int count, int bytes, const sn_int8_end *end, int64_t n, int64_t oh, int64_t ow, int64_t c);

void sn_int8_max_pool(const uint8_t *x, uint8_t *y, int64_t n, int64_t h, int64_t w, int64_t c, int64_t oh, int64_t ow, int64_t kernel,
                      int64_t stride, int64_t pad);
void sn_int8_quantize(const float *x, uint8_t *y, int64_t n, float inverse, int zero);
void sn_int8_dequantize(const uint8_t *x, float *y, int64_t n, float scale, int zero);

const char *sn_int8_isa(void);  // "avx512 vnni", "avx2" or "x86-64"

#ifdef __cplusplus
}
#endif
#endif
