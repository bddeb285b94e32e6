// Vectors of the instruction set that a loop file is compiled for, which is SN_BITS wide.

enum { LANES = SN_BITS / 32, ROWS = SN_BITS == 512 ? 12 : SN_BITS == 256 ? 6 : 4 };
// ROWS by two vectors of sums fit in the registers beside what is multiplied.
enum { PANEL = 2 * LANES };  // columns of a packed matrix that lie together

typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef float LooseVec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static SN_INLINE Vec load(const float *p) { return *(const LooseVec *)p; }
static SN_INLINE void store(float *p, Vec v) { *(LooseVec *)p = v; }
using ::rectified;  // of one float
static SN_INLINE Vec rectified(Vec v) { return v < 0.0f ? Vec{} : v; }

// The first n lanes alone; the others are zero.
#if SN_BITS == 512
static SN_INLINE Vec load_part(const float *p, int64_t n) { return (Vec)_mm512_maskz_loadu_ps(__mmask16((1 << n) - 1), p); }
static SN_INLINE void store_part(float *p, Vec v, int64_t n) { _mm512_mask_storeu_ps(p, __mmask16((1 << n) - 1), (__m512)v); }
#elif SN_BITS == 256
static SN_INLINE __m256i first(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static SN_INLINE Vec load_part(const float *p, int64_t n) { return (Vec)_mm256_maskload_ps(p, first(n)); }
static SN_INLINE void store_part(float *p, Vec v, int64_t n) { _mm256_maskstore_ps(p, first(n), (__m256)v); }
#else
static SN_INLINE Vec load_part(const float *p, int64_t n) {
  Vec v{};
  for (int64_t i = 0; i < n; i++) v[i] = p[i];
  return v;
}
static SN_INLINE void store_part(float *p, Vec v, int64_t n) {
  for (int64_t i = 0; i < n; i++) p[i] = v[i];
}
#endif

// products computes rows of c = a b: a is (rows, k), b a packed panel (k, vectors * LANES), c (rows, vectors * LANES).
template <int rows, int vectors>
static SN_INLINE void products(const float *a, int64_t a_stride, const float *b, float *c, int64_t c_stride, int64_t k) {
  Vec sum[rows][vectors] = {};
  for (int64_t i = 0; i < k; i++, b += vectors * LANES) {
    Vec f[vectors];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) f[v] = load(b + v * LANES);
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
      for (int v = 0; v < vectors; v++) sum[r][v] += a[r * a_stride + i] * f[v];
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) store(c + r * c_stride + v * LANES, sum[r][v]);
}

// product computes c = a b with b (k, columns) in panels of PANEL columns, the last of them of LANES if that is enough.
// Each result is one sum in the order of k, whatever the blocks.
static SN_INLINE void product(const float *a, int64_t a_stride, const float *b, float *c, int64_t c_stride, int64_t rows,
                              int64_t k, int64_t columns) {
  const int64_t groups = (rows + ROWS - 1) / ROWS;
  for (int64_t j = 0; j < columns; j += PANEL, b += k * PANEL)
    for (int64_t g = 0; g < groups; g++) {
      const int64_t r = rows * g / groups;
      const float *from = a + r * a_stride;
      float *to = c + r * c_stride + j;
      switch (rows * (g + 1) / groups - r) {
#define SN_ROWS(n)                                                         \
  case n:                                                                  \
    if (n > ROWS) break;                                                   \
    if (columns - j > LANES)                                               \
      products<n <= ROWS ? n : 1, 2>(from, a_stride, b, to, c_stride, k);  \
    else                                                                   \
      products<n <= ROWS ? n : 1, 1>(from, a_stride, b, to, c_stride, k);  \
    break;
        SN_ROWS(1) SN_ROWS(2) SN_ROWS(3) SN_ROWS(4) SN_ROWS(5) SN_ROWS(6)
        SN_ROWS(7) SN_ROWS(8) SN_ROWS(9) SN_ROWS(10) SN_ROWS(11) SN_ROWS(12)
#undef SN_ROWS
      }
    }
}

static SN_INLINE int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
