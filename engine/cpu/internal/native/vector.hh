// Vectors of the instruction set that a loop file is compiled for, which is SN_BITS wide.

enum { LANES = SN_BITS / 32, ROWS = SN_BITS == 512 ? 12 : 6 };
// ROWS by two vectors of sums fit in the registers beside what is multiplied.
enum { PANEL = 2 * LANES };  // columns of a packed matrix that lie together

typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef float LooseVec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static SN_INLINE Vec load(const float *p) { return *(const LooseVec *)p; }
static SN_INLINE void store(float *p, Vec v) { *(LooseVec *)p = v; }
using ::rectified;  // of one float
static SN_INLINE Vec rectified(Vec v) { return v < 0.0f ? Vec{} : v; }

// activated is a vector after an SN_ activation.
template <int activation>
static SN_INLINE Vec activated(Vec v) {
  if (activation == SN_LINEAR) return v;
  if (activation == SN_RELU) return rectified(v);
  const Vec r = rectified(v + 3.0f);
  return v * ((r > 6.0f ? Vec{} + 6.0f : r) * (1 / 6.0f));
}

// by_activation calls f with an SN_ activation as a constant.
template <class F>
static SN_INLINE void by_activation(int activation, F f) {
  switch (activation) {
    case SN_RELU: return f(std::integral_constant<int, SN_RELU>());
    case SN_HARD_SWISH: return f(std::integral_constant<int, SN_HARD_SWISH>());
    default: return f(std::integral_constant<int, SN_LINEAR>());
  }
}

// The square root of each lane.
static SN_INLINE Vec root(Vec v) {
#if SN_BITS == 512 && !defined(SN_WIDE_ON_AVX2)
  return (Vec)_mm512_maskz_sqrt_ps(0xffff, (__m512)v);  // the plain one warns: GCC 12 finds its header uninitialised
#elif SN_BITS == 256
  return (Vec)_mm256_sqrt_ps((__m256)v);
#else
  float lanes[LANES];
  store(lanes, v);
  for (int i = 0; i < LANES; i += 4) _mm_storeu_ps(lanes + i, _mm_sqrt_ps(_mm_loadu_ps(lanes + i)));
  return load(lanes);
#endif
}

// The first n lanes alone; the others are zero.
#if SN_BITS == 512 && !defined(SN_WIDE_ON_AVX2)
static SN_INLINE Vec load_part(const float *p, int64_t n) { return (Vec)_mm512_maskz_loadu_ps(__mmask16((1 << n) - 1), p); }
static SN_INLINE void store_part(float *p, Vec v, int64_t n) { _mm512_mask_storeu_ps(p, __mmask16((1 << n) - 1), (__m512)v); }
#elif SN_BITS == 256
static SN_INLINE __m256i first(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static SN_INLINE Vec load_part(const float *p, int64_t n) { return (Vec)_mm256_maskload_ps(p, first(n)); }
static SN_INLINE void store_part(float *p, Vec v, int64_t n) {  // masked stores are slow on AMD's processors
  __m128 rest = _mm256_castps256_ps128((__m256)v);
  if (n & 4) _mm_storeu_ps(p, rest), p += 4, rest = _mm256_extractf128_ps((__m256)v, 1);
  if (n & 2) _mm_storel_pi((__m64 *)p, rest), p += 2, rest = _mm_movehl_ps(rest, rest);
  if (n & 1) _mm_store_ss(p, rest);
}
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

// bf16 in memory, float32 in registers.
typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));
typedef uint16_t LooseHalves __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

static SN_INLINE Vec widened(Halves h) { return (Vec)(__builtin_convertvector(h, Bits) << 16); }
static SN_INLINE Halves rounded(Vec v) {  // as bf16's constructor does it; AVX-512's instruction makes numbers below 1e-38 zeros
#ifdef SN_BF16_PRODUCTS
  return (Halves)_mm512_cvtneps_pbh((__m512)v);
#endif
  const Bits u = (Bits)v, even = u + 0x7fff + ((u >> 16) & 1);
  return __builtin_convertvector(((u & 0x7fffffff) > 0x7f800000 ? u | 0x400000 : even) >> 16, Halves);
}
static SN_INLINE Vec load(const bf16 *p) { return widened(*(const LooseHalves *)p); }
static SN_INLINE void store(bf16 *p, Vec v) { *(LooseHalves *)p = rounded(v); }
#if SN_BITS == 512 && !defined(SN_WIDE_ON_AVX2)
static SN_INLINE Vec load_part(const bf16 *p, int64_t n) { return widened((Halves)_mm256_maskz_loadu_epi16(__mmask16((1 << n) - 1), p)); }
static SN_INLINE void store_part(bf16 *p, Vec v, int64_t n) { _mm256_mask_storeu_epi16(p, __mmask16((1 << n) - 1), (__m256i)rounded(v)); }
#else
static SN_INLINE Vec load_part(const bf16 *p, int64_t n) {
  Halves h{};
  for (int64_t i = 0; i < n; i++) h[i] = p[i].bits;
  return widened(h);
}
static SN_INLINE void store_part(bf16 *p, Vec v, int64_t n) {
  const Halves h = rounded(v);
  for (int64_t i = 0; i < n; i++) p[i].bits = h[i];
}
#endif

// plus_products adds to each sum the products of a pair with two of a lane.
static SN_INLINE Vec plus_products(Vec sum, uint32_t pair, Bits lanes) {
#ifdef SN_BF16_PRODUCTS
  return (Vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(int(pair)), (__m512bh)lanes);
#else
  const Bits a = Bits{} + pair;
  return sum + (Vec)(a << 16) * (Vec)(lanes << 16) + (Vec)(a & 0xffff0000) * (Vec)(lanes & 0xffff0000);
#endif
}

static SN_INLINE int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Matrices are packed in panels of PANEL columns, the last of them of LANES if that is enough: panel after panel, row by row.

// accumulate adds to sums: a is (rows, k), b k rows of a panel of `vectors` vectors. Each sum is one chain in the order of k.
template <int rows, int vectors>
static SN_INLINE void accumulate(Vec (&sum)[rows][vectors], const float *a, int64_t a_stride, const float *b, int64_t k) {
  for (int64_t i = 0; i < k; i++, b += vectors * LANES) {
    Vec f[vectors];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) f[v] = load(b + v * LANES);
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
      for (int v = 0; v < vectors; v++) sum[r][v] += a[r * a_stride + i] * f[v];
  }
}

// The same for bf16, whose pairs of rows lie together: k is the number of pairs.
template <int rows, int vectors>
static SN_INLINE void accumulate(Vec (&sum)[rows][vectors], const bf16 *a, int64_t a_stride, const bf16 *b, int64_t k) {
  for (int64_t i = 0; i < k; i++, b += 2 * vectors * LANES) {
    Bits f[vectors];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) f[v] = (Bits)load((const float *)(b + 2 * v * LANES));
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
      uint32_t pair;
      std::memcpy(&pair, a + r * a_stride + 2 * i, 4);
#pragma GCC unroll 2
      for (int v = 0; v < vectors; v++) sum[r][v] = plus_products(sum[r][v], pair, f[v]);
    }
  }
}

// tiled calls f(row, rows, column, vectors) for each part of a product that fits in the registers: rows and vectors are constants.
template <class F>
static SN_INLINE void tiled(int64_t rows, int64_t columns, F f) {
  const int64_t groups = (rows + ROWS - 1) / ROWS;
  for (int64_t j = 0; j < columns; j += PANEL)
    for (int64_t g = 0; g < groups; g++) {
      const int64_t r = rows * g / groups;
      auto part = [&](auto n) {
        if (columns - j > LANES)
          f(r, n, j, std::integral_constant<int, 2>());
        else
          f(r, n, j, std::integral_constant<int, 1>());
      };
      switch (rows * (g + 1) / groups - r) {
#define SN_ROWS(n)                              \
  case n:                                       \
    part(std::integral_constant<int, n>());     \
    break;
        SN_ROWS(1) SN_ROWS(2) SN_ROWS(3) SN_ROWS(4) SN_ROWS(5) SN_ROWS(6)
#if SN_BITS == 512
        SN_ROWS(7) SN_ROWS(8) SN_ROWS(9) SN_ROWS(10) SN_ROWS(11) SN_ROWS(12)
#endif
#undef SN_ROWS
      }
    }
}
