// The C interface between the Go side of this package and its C++ kernels.
//
// Features are NHWC with channels innermost; "rows" counts all but the last dimension. `type` is SN_F32 or SN_BF16 and
// concerns features; parameters, moments, tables and losses are float32. All loops give the same bits in every run, whatever
// the number of threads.
#ifndef SCALENET_KERNELS_H
#define SCALENET_KERNELS_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SN_F32 = 0, SN_BF16 = 1 };
enum { SN_LINEAR = 0, SN_RELU = 1, SN_HARD_SWISH = 2 };  // what ends a convolution
enum { SN_ERROR = 256 };    // bytes of an error message, 0 included
enum { SN_SEGMENTS = 32 };  // parts into which long sums are split; see column_sums.hh
#define SN_ALWAYS UINT64_MAX // version of parameters that change with every run

// ---- threads and memory (system.cc)

void sn_set_threads(int n);
int sn_threads(void);
const char *sn_isa(void);            // of the loops: "avx512 bf16", "avx512", "avx2" or "x86-64"
const char *sn_onednn_isa(void);     // the best one that oneDNN uses
void sn_onednn_version(int v[3]);
int sn_spin_count_set(void);         // whether libgomp started with a spin count of ours
void *sn_alloc(size_t bytes);        // zeroed, 64-byte aligned; NULL without memory
void sn_free(void *p, size_t bytes);

// ---- oneDNN kernels (convolution.cc, linear.cc). Functions return NULL, or nonzero, and fill the message on failure.

typedef struct sn_device sn_device;  // engine, stream and packed weights
typedef struct sn_kernel sn_kernel;

sn_device *sn_device_new(char *error);
void sn_device_free(sn_device *d);
int sn_device_bfloat16(sn_device *d);      // whether there are bfloat16 kernels
int sn_device_packed(const sn_device *d);  // packed weights alive

// A weight as kernels use it: the slice [from, from+ci) of its input channels, folded with a frozen norm.
typedef struct {
  const float *weight;                           // (co, weight_ci, kh, kw)
  const float *bias;                             // (co) or NULL
  const float *gamma, *beta, *mean, *variance;   // (co) or NULL; beta and mean NULL: scale only
  double eps;
  int64_t co, weight_ci, from, ci, kh, kw;
  // Where `merge` of the `groups` count as one, their weights lie side by side with zeros between; 0 where none are merged.
  int64_t groups, merge;
  uint64_t identity;  // of the counters behind `version`: kernels that agree on all of this share the packed weight
} sn_weight;

typedef struct {
  int64_t n, h, w, ci, oh, ow, co;               // ci and co of all groups
  int64_t kh, kw, stride, pad, dilation, groups;
} sn_conv_shape;

typedef struct {
  sn_conv_shape shape;
  sn_weight weight;
  int64_t images;                                // that the algorithm is chosen for, whatever shape.n is
  int x_type, y_type, residual_type, activation;
  const void *x, *residual;                      // residual: NULL, or maybe y itself
  void *y;
} sn_conv;

sn_kernel *sn_conv_forward(sn_device *d, const sn_conv *c, char *error);

typedef struct {
  sn_conv_shape shape;
  sn_weight weight;
  int type;
  const void *dy;
  void *dx;
} sn_conv_grad_input;

sn_kernel *sn_conv_backward_input(sn_device *d, const sn_conv_grad_input *c, char *error);

typedef struct {
  sn_conv_shape shape;
  const float *gamma, *variance;                 // NULL without a norm
  double eps;
  int type;
  const void *x, *dy;
  float *dw;                                     // (co, ci/groups, kh, kw)
} sn_conv_grad_weight;

sn_kernel *sn_conv_backward_weight(sn_device *d, const sn_conv_grad_weight *c, char *error);

typedef struct {
  int64_t n;
  sn_weight weight;                              // (co, ci), kh = kw = 1
  int x_type, y_type;
  const void *x;
  void *y;
} sn_linear;

sn_kernel *sn_linear_forward(sn_device *d, const sn_linear *l, char *error);         // x -> y
sn_kernel *sn_linear_backward_input(sn_device *d, const sn_linear *l, char *error);  // x is dy, y is dx
sn_kernel *sn_linear_backward_weight(sn_device *d, int64_t n, int64_t ci, int64_t co, int type, const void *x,
                                     const void *dy, float *dw, char *error);

// Runs a kernel; `version` changes when the parameters behind its weight do.
int sn_run(sn_kernel *k, uint64_t version, char *error);
const char *sn_info(const sn_kernel *k);  // the implementations behind it, as oneDNN calls them
void sn_close(sn_kernel *k);

// ---- loops (the .hh files, compiled for each instruction set; dispatch.cc picks one)

// Elementwise; y may be any of the inputs.
void sn_relu(int type, const void *x, void *y, int64_t n);
void sn_relu_grad(int type, const void *y, const void *dy, void *dx, int64_t n);
void sn_gelu(int type, const void *x, void *y, int64_t n);
void sn_gelu_grad(int type, const void *x, const void *dy, void *dx, int64_t n);
void sn_hard_swish(int type, const void *x, void *y, int64_t n);
void sn_hard_swish_grad(int type, const void *x, const void *dy, void *dx, int64_t n);
void sn_hard_sigmoid(int type, const void *x, void *y, int64_t n);
void sn_hard_sigmoid_grad(int type, const void *x, const void *dy, void *dx, int64_t n);
void sn_add(int type, const void *a, const void *b, int relu, void *y, int64_t n);
void sn_add_relu_grad(int type, const void *y, const void *a, const void *b, void *dx, int64_t n);
void sn_cast(int from, int to, const void *x, void *y, int64_t n);
// Copies `rows` rows of `bytes` between arrays with a distance of `stride` bytes between rows; clear writes zeros.
void sn_copy_rows(const void *x, int64_t x_stride, void *y, int64_t y_stride, int64_t bytes, int64_t rows);
void sn_clear(void *y, int64_t bytes);

// Norms. scratch has 2 * SN_SEGMENTS * c doubles for sums over rows.
void sn_bias_grad(int type, const void *dy, float *db, double *scratch, int64_t rows, int64_t c);
void sn_moments(int type, const void *x, float *moments, double *scratch, int64_t rows, int64_t c);
// scale = weight / sqrt(variance + eps); shift = bias - mean * scale, 0 without bias, none where shift is NULL.
void sn_norm_coefficients(const float *weight, const float *bias, const float *mean, const float *variance, double eps,
                          float *scale, float *shift, int64_t c);
// y = relu?(x * scale + shift? + residual?)
void sn_affine(int type, const void *x, const float *scale, const float *shift, const void *residual, int relu, void *y,
               int64_t rows, int64_t c);
void sn_norm_grad_params(int type, const void *x, const float *moments, const void *dy, double eps, float *dparams,
                         double *scratch, int64_t rows, int64_t c);
void sn_norm_grad_input(int type, const void *x, const float *weight, const float *moments, const void *dy,
                        const float *dparams, double eps, void *dx, float *scratch, int64_t rows, int64_t c);

// Squeeze and excitation. scale and dscale are (n, c), one type with the features: y = relu?(x * scale + residual?).
void sn_sigmoid(int type, const void *x, void *y, int64_t n);
void sn_sigmoid_grad(int type, const void *y, const void *dy, void *dx, int64_t n);
void sn_scale_channels(int type, const void *x, const void *scale, const void *residual, int relu, void *y, int64_t n,
                       int64_t pixels, int64_t c);
// scratch has 2 * SN_SEGMENTS * c doubles.
void sn_scale_channels_grad(int type, const void *x, const void *dy, void *dscale, double *scratch, int64_t n, int64_t pixels,
                            int64_t c);

// Weights for oneDNN: w = weight[:, from:from+ci] * scale; the rows of a gradient times scale.
void sn_fold_weight(const float *weight, const float *scale, float *w, int64_t co, int64_t weight_ci, int64_t from,
                    int64_t ci, int64_t kernel);
void sn_scale_rows(float *w, const float *scale, int64_t rows, int64_t columns);
// Weights of `merge` groups as one: w (co, merge * size), each row's weight (size) * scale? in its group's place, else zeros.
void sn_merge_groups(const float *weight, const float *scale, float *w, int64_t co, int64_t size, int64_t groups, int64_t merge);

// Pools.
typedef struct { int64_t n, h, w, c, oh, ow, kernel, stride, pad; } sn_pool;
void sn_max_pool(int type, const sn_pool *p, const void *x, void *y);
void sn_max_pool_grad(int type, const sn_pool *p, const void *x, const void *dy, void *dx);
void sn_avg_pool(int type, const sn_pool *p, const void *x, void *y);
void sn_avg_pool_grad(int type, const sn_pool *p, const void *dy, void *dx);
void sn_global_avg_pool(int x_type, int y_type, const void *x, void *y, int64_t n, int64_t pixels, int64_t c);
void sn_global_avg_pool_grad(int dy_type, int dx_type, const void *dy, void *dx, int64_t n, int64_t pixels, int64_t c);

// Resizing along one axis: target i is the sum over k in [begin[i], begin[i+1]) of weight[k] * source[index[k]].
typedef struct { const int32_t *begin, *index; const float *weight; } sn_axis;
typedef struct { const void *x; int64_t h, w; sn_axis rows, columns; } sn_source;
// What is known of the axes: nothing; each target is one source times 1; each target is the sum of two sources.
enum { SN_ANY = 0, SN_REPEAT = 1, SN_PAIRS = 2 };
enum { SN_SOURCES = 4 };
// y (n, oh, ow, c) is relu?(residual? + the sum of `count` sources, each (n, h, w, c), resized). Also the gradient of a resize,
// with the axes transposed.
void sn_resize(int type, const sn_source *sources, int count, int axes, const void *residual, int relu, void *y, int64_t n,
               int64_t c, int64_t oh, int64_t ow);

// RoIAlign on one level, for RoIs with an area from low to below high; the first level's low is 0. It writes only rows of y that are on
// the level, and the first level those without an image. scratch has sn_roi_scratch bytes. Returns the first region whose image does not
// exist, -1 when all are good. points is nn.RoIPoints.Kind.
typedef struct { int64_t n, h, w, c, rois, size, sampling, aligned, points; float scale, low, high; } sn_roi;
int64_t sn_roi_scratch(const sn_roi *r, int threads);
int64_t sn_roi_align(int type, const sn_roi *r, const void *x, const float *rois, void *y, void *scratch);
void sn_roi_align_grad(int dy_type, const sn_roi *r, const void *dy, const float *rois, float *dx, void *scratch);

// Losses. The cross entropies return the first row whose label is outside [.., k), -1 when all are good.
int64_t sn_softmax_cross_entropy(const float *logits, const int32_t *labels, double smoothing, float *loss, int64_t n, int64_t k);
void sn_softmax_cross_entropy_grad(const float *logits, const int32_t *labels, double smoothing, const float *dloss, float *dlogits,
                                   int64_t n, int64_t k);
int64_t sn_sigmoid_cross_entropy(const float *logits, const int32_t *labels, float *loss, int64_t n);
void sn_sigmoid_cross_entropy_grad(const float *logits, const int32_t *labels, const float *dloss, float *dlogits, int64_t n);
void sn_smooth_l1(const float *p, const float *t, const float *w, float beta, float *loss, int64_t n);
void sn_smooth_l1_grad(const float *p, const float *t, const float *w, const float *dloss, float beta, float *dp, int64_t n);

// Convolutions of 3x3 with stride 1 by Winograd's method, in tiles of `tile` x `tile` outputs (2 or 4).
typedef struct {
  sn_conv_shape shape;
  int type, tile, activation;                    // type: of x, residual and y
  int product;                                   // type of what is multiplied: SN_F32, or SN_BF16 for features of bf16 in tiles of 2
  const void *x, *residual;                      // residual: NULL, or maybe y itself
  const float *weight, *bias;                    // transformed, pairs of bf16 if they are the product; (co) and 15 floats more
  const float *zeros;                            // ci of them and 15 more
  void *y;
  float *scratch;                                // sn_winograd_scratch floats
} sn_winograd;
void sn_winograd_run(const sn_winograd *c);
int64_t sn_winograd_scratch(const sn_conv_shape *s, int tile, int threads);
// The weight w[o * co_stride + i * ci_stride + 3 * y + x], or turned by 180 degrees, as sn_winograd wants it.
void sn_winograd_weights(const float *w, int64_t co, int64_t ci, int64_t co_stride, int64_t ci_stride, int turned, int tile,
                         int product, float *to);
int64_t sn_winograd_weight_size(int64_t co, int64_t ci, int tile, int product);  // floats
// The gradient of its weight; scratch: sn_winograd_gradient_scratch floats.
typedef struct {
  sn_conv_shape shape;
  int type, tile;                                // type: of x and dy
  const void *x, *dy;
  const float *zeros;                            // as many as x or dy has channels, and 15 more
  float *dw, *scratch;                           // dw: (co, ci, 3, 3)
} sn_winograd_gradient;
void sn_winograd_gradient_run(const sn_winograd_gradient *c);
int64_t sn_winograd_gradient_scratch(const sn_conv_shape *s, int tile);

// A convolution of 3x3 of float32 in groups of 4, 8 or 16 channels, as many in as out; stride 1 or 2, dilation 1.
typedef struct {
  sn_conv_shape shape;
  int activation;
  const float *x, *residual;                     // residual: NULL, or maybe y itself
  const float *weight, *bias;                    // weight: from sn_grouped_weights
  float *y, *scratch;                            // scratch: sn_grouped_scratch floats
} sn_grouped;
void sn_grouped_run(const sn_grouped *c);
int64_t sn_grouped_scratch(const sn_conv_shape *s, int threads);
void sn_grouped_weights(const float *w, int64_t co, int64_t group, float *to);  // w: (co, group, 3, 3)

// A linear layer of float32: y (n, co) is x (n, ci) times the weight, plus the bias. These need AVX-512.
typedef struct {
  int64_t n, ci, co;
  const float *x, *weight, *bias;                // weight: from sn_linear_weights; bias: (co) and 15 floats more
  float *y;
} sn_linear_product;
void sn_linear_run(const sn_linear_product *l);
void sn_linear_weights(const float *w, int64_t co, int64_t ci, float *to);  // w: (co, ci)
int64_t sn_linear_weight_size(int64_t co, int64_t ci);                      // floats

// Optimisation.
void sn_sgd(float *w, const float *grad, float *v, int64_t n, float lr, float momentum, float decay, float l1, float grad_scale);
// The coefficients are those of engine.AdamWCoefficients.
typedef struct {
  float keep, rest1, beta2, rest2, step_size, inverse_root, eps, grad_scale;
} sn_adamw_step;
void sn_adamw(float *w, const float *grad, float *m, float *v, int64_t n, const sn_adamw_step *step);
void sn_blend(float *dst, const float *src, int64_t n, float a, float b);
double sn_sum_squares(const float *x, int64_t n);

#ifdef __cplusplus
}
#endif
#endif
