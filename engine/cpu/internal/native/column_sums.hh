// Sums over the rows of a (rows, c) array, exact and repeatable: the rows are cut into at most SN_SEGMENTS segments of whole
// blocks, whatever the number of threads; a block is summed in float32, blocks and segments in float64, in order.

enum { SN_BLOCK = 64 };  // rows summed in float32

struct Segments {
  int64_t rows, blocks, count;
  explicit Segments(int64_t rows) : rows(rows), blocks((rows + SN_BLOCK - 1) / SN_BLOCK) {
    count = std::min<int64_t>(SN_SEGMENTS, std::max<int64_t>(blocks, 1));
  }
  int64_t begin(int64_t s) const { return std::min(rows, s * blocks / count * SN_BLOCK); }
};

// column_sums adds up, for each column, `width` terms a row. term(r, c0, lanes, sums) adds row r's terms of the columns
// [c0, c0+lanes) to sums[width][SN_LANES]; result(c, totals[width]) takes a column's sums.
template <int width, class Term, class Result>
static SN_INLINE void column_sums(int64_t rows, int64_t c, double *scratch, Term term, Result result) {
  Segments seg(rows);
  int64_t parts = (c + SN_LANES - 1) / SN_LANES;
#pragma omp parallel for collapse(2) schedule(static) if (rows * c > SN_SMALL)
  for (int64_t s = 0; s < seg.count; s++)
    for (int64_t part = 0; part < parts; part++)
      blocks(part * SN_LANES, std::min(c, (part + 1) * SN_LANES), [&](int64_t c0, auto lanes) {
        double total[width][SN_LANES] = {};
        for (int64_t r0 = seg.begin(s), end = seg.begin(s + 1); r0 < end; r0 += SN_BLOCK) {
          float sums[width][SN_LANES] = {};
          for (int64_t r = r0; r < std::min(end, r0 + SN_BLOCK); r++) term(r, c0, lanes, sums);
          for (int k = 0; k < width; k++)
            for (int64_t i = 0; i < lanes; i++) total[k][i] += sums[k][i];
        }
        for (int k = 0; k < width; k++)
          for (int64_t i = 0; i < lanes; i++) scratch[(s * width + k) * c + c0 + i] = total[k][i];
      });
  for (int64_t i = 0; i < c; i++) {
    double total[width] = {};
    for (int64_t s = 0; s < seg.count; s++)
      for (int k = 0; k < width; k++) total[k] += scratch[(s * width + k) * c + i];
    result(i, total);
  }
}
