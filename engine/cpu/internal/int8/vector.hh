// Vectors of the instruction set that a file is compiled for, SN_BITS wide. With VNNI (SN_VNNI), a multiply-add takes GROUP = 4 products of bytes.
// Without it, the instruction for bytes saturates, so bytes are widened to 16 bits, of which it takes pairs.
//
// No product is followed directly by a sum outside of fma and __builtin_fmaf: the compiler could make one instruction of the two, on some
// processors only.

enum { LANES = SN_BITS / 32, PANEL = 2 * LANES, ROWS = SN_BITS == 512 ? 12 : SN_BITS == 256 ? 6 : 4 };

typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef int32_t IntVec __attribute__((vector_size(4 * LANES)));
typedef int32_t LooseIntVec __attribute__((vector_size(4 * LANES), aligned(1), may_alias));
typedef float LooseVec __attribute__((vector_size(4 * LANES), aligned(1), may_alias));

#ifdef SN_VNNI
enum { GROUP = 4 };
typedef uint8_t Element;
typedef int8_t Packed;
#else
enum { GROUP = 2 };
typedef int16_t Element;
typedef int16_t Packed;
#endif

static SN_INLINE IntVec load_int(const void *p) { return *(const LooseIntVec *)p; }

// spread puts GROUP elements into every lane.
static SN_INLINE IntVec spread(const Element *p) {
  int32_t g;
  std::memcpy(&g, p, 4);
  return IntVec{} + g;
}

static SN_INLINE IntVec plus_products(IntVec sum, IntVec a, IntVec b) {
#ifdef SN_VNNI
  return (IntVec)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#elif SN_BITS == 256
  return sum + (IntVec)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#else
  return sum + (IntVec)_mm_madd_epi16((__m128i)a, (__m128i)b);
#endif
}

static SN_INLINE Vec to_float(IntVec v) { return __builtin_convertvector(v, Vec); }

// byte_of is a value rounded to a byte: to nearest even by adding 1.5 * 2^23, after the range of a byte is kept. NaN becomes the lowest byte.
static SN_INLINE uint8_t byte_of(float v, int zero) {
  const float low = float(-zero), high = float(255 - zero);
  v = v >= low ? v : low;
  v = v < high ? v : high;
  v += 12582912.0f;
  int32_t bits;
  std::memcpy(&bits, &v, 4);
  return uint8_t((bits & 0x7fffff) - 0x400000 + zero);
}

#ifdef SN_VNNI
static SN_INLINE __mmask16 first(int64_t n) { return __mmask16((1u << n) - 1); }
static SN_INLINE Vec fma(Vec a, Vec b, Vec c) { return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
static SN_INLINE Vec load_floats(const float *p, int64_t n) {
  return n == LANES ? *(const LooseVec *)p : (Vec)_mm512_maskz_loadu_ps(first(n), p);
}
static SN_INLINE IntVec load_ints(const int32_t *p, int64_t n) {
  return n == LANES ? load_int(p) : (IntVec)_mm512_maskz_loadu_epi32(first(n), p);
}
static SN_INLINE IntVec load_bytes(const uint8_t *p, int64_t n) {
  return (IntVec)_mm512_maskz_cvtepu8_epi32(0xffff, n == LANES ? _mm_loadu_si128((const __m128i *)p) : _mm_maskz_loadu_epi8(first(n), p));
}
static SN_INLINE void store_floats(float *p, Vec v, int64_t n) {
  if (n == LANES)
    *(LooseVec *)p = v;
  else
    _mm512_mask_storeu_ps(p, first(n), (__m512)v);
}
static SN_INLINE void store_bytes(uint8_t *p, Vec v, int zero, int64_t n) {
  const Vec low = Vec{} - float(zero), high = Vec{} + float(255 - zero);
  v = v >= low ? v : low;
  v = v < high ? v : high;
  const IntVec q = (IntVec)_mm512_maskz_cvtps_epi32(0xffff, (__m512)v) + zero;
  const __m128i bytes = _mm512_maskz_cvtepi32_epi8(0xffff, (__m512i)q);
  if (n == LANES)
    _mm_storeu_si128((__m128i *)p, bytes);
  else
    _mm_mask_storeu_epi8(p, first(n), bytes);
}
#elif SN_BITS == 256
static SN_INLINE __m256i first(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static SN_INLINE Vec fma(Vec a, Vec b, Vec c) { return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
static SN_INLINE Vec load_floats(const float *p, int64_t n) {
  return n == LANES ? *(const LooseVec *)p : (Vec)_mm256_maskload_ps(p, first(n));
}
static SN_INLINE IntVec load_ints(const int32_t *p, int64_t n) {
  return n == LANES ? load_int(p) : (IntVec)_mm256_maskload_epi32(p, first(n));
}
static SN_INLINE IntVec load_bytes(const uint8_t *p, int64_t n) {
  int64_t bytes = 0;
  if (n == LANES)
    std::memcpy(&bytes, p, LANES);
  else
    std::memcpy(&bytes, p, size_t(n));
  return (IntVec)_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytes));
}
static SN_INLINE void store_floats(float *p, Vec v, int64_t n) {
  if (n == LANES)
    *(LooseVec *)p = v;
  else
    for (int i = 0; i < n; i++) p[i] = v[i];  // masked stores are slow on AMD's processors
}
static SN_INLINE void store_bytes(uint8_t *p, Vec v, int zero, int64_t n) {
  const Vec low = Vec{} - float(zero), high = Vec{} + float(255 - zero);
  v = v >= low ? v : low;
  v = v < high ? v : high;
  const __m256i q = (__m256i)((IntVec)_mm256_cvtps_epi32((__m256)v) + zero);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
  const int64_t bytes = _mm_cvtsi128_si64(_mm_packus_epi16(words, words));
  if (n == LANES)
    std::memcpy(p, &bytes, LANES);
  else
    std::memcpy(p, &bytes, size_t(n));
}
#else
static SN_INLINE Vec fma(Vec a, Vec b, Vec c) {
  for (int i = 0; i < LANES; i++) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return c;
}
static SN_INLINE Vec load_floats(const float *p, int64_t n) {
  if (n == LANES) return *(const LooseVec *)p;
  Vec v = {};
  for (int i = 0; i < n; i++) v[i] = p[i];
  return v;
}
static SN_INLINE IntVec load_ints(const int32_t *p, int64_t n) {
  if (n == LANES) return load_int(p);
  IntVec v = {};
  for (int i = 0; i < n; i++) v[i] = p[i];
  return v;
}
static SN_INLINE IntVec load_bytes(const uint8_t *p, int64_t n) {
  IntVec v = {};
  for (int i = 0; i < n; i++) v[i] = p[i];
  return v;
}
static SN_INLINE void store_floats(float *p, Vec v, int64_t n) {
  if (n == LANES) {
    *(LooseVec *)p = v;
    return;
  }
  for (int i = 0; i < n; i++) p[i] = v[i];
}
static SN_INLINE void store_bytes(uint8_t *p, Vec v, int zero, int64_t n) {
  for (int i = 0; i < n; i++) p[i] = byte_of(v[i], zero);
}
#endif

// values are `lanes` values from `at` on, in units of their scale.
static SN_INLINE Vec values(const void *p, bool bytes, int zero, int64_t at, int64_t lanes) {
  return bytes ? to_float(load_bytes((const uint8_t *)p + at, lanes) - zero) : load_floats((const float *)p + at, lanes);
}
