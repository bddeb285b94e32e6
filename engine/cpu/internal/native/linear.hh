// Linear layers of float32, for AVX-512: products of rows and a packed weight (vector.hh). The terms of a sum are added in the order of the inputs,
// so a row's results depend neither on the other rows nor on the threads.

// add_products adds to y's columns [from, to) the products of the inputs [first, end), or begins the sums with them. The last ones add the bias.
static void add_products(const sn_linear_product &l, int64_t row, int64_t rows, int64_t from, int64_t to, int64_t first, int64_t end) {
  tiled(rows, to - from, [&](int64_t r, auto n, int64_t column, auto vectors) {
    column += from, r += row;
    const bool whole = column + vectors * LANES <= l.co;
    auto lanes = [&](int j) { return std::min<int64_t>(LANES, l.co - column - j * LANES); };
    auto y = [&](int i, int j) { return l.y + (r + i) * l.co + column + j * LANES; };
    Vec sum[n][vectors] = {};
    if (first > 0)
      for (int i = 0; i < n; i++)
        for (int j = 0; j < vectors; j++) sum[i][j] = whole ? load(y(i, j)) : load_part(y(i, j), lanes(j));
    accumulate<n, vectors>(sum, l.x + r * l.ci + first, l.ci, l.weight + column * l.ci + first * vectors * LANES, end - first);
    for (int i = 0; i < n; i++)
      for (int j = 0; j < vectors; j++) {
        const Vec v = end == l.ci ? sum[i][j] + load(l.bias + column + j * LANES) : sum[i][j];
        if (whole)
          store(y(i, j), v);
        else
          store_part(y(i, j), v, lanes(j));
      }
  });
}

void linear_run(const sn_linear_product *l) {
  const int64_t most = 3200;  // inputs at a time: their weights of a panel, and ROWS rows of them, stay in the second cache
  const int64_t blocks = (l->ci + most - 1) / most, threads = omp_get_max_threads(), panels = (l->co + PANEL - 1) / PANEL;
  const int64_t across = std::min(threads, panels), down = std::min((threads + across - 1) / across, (l->n + ROWS - 1) / ROWS);
#pragma omp parallel for schedule(static)
  for (int64_t item = 0; item < across * down; item++) {
    const int64_t a = item / down, d = item % down, row = l->n * d / down, rows = l->n * (d + 1) / down - row;
    const int64_t from = panels * a / across * PANEL, to = std::min(panels * (a + 1) / across * PANEL, up(l->co, LANES));
    for (int64_t b = 0; b < blocks; b++) add_products(*l, row, rows, from, to, l->ci * b / blocks, l->ci * (b + 1) / blocks);
  }
}

int64_t linear_weight_size(int64_t co, int64_t ci) { return up(co, LANES) * ci; }

void linear_weights(const float *w, int64_t co, int64_t ci, float *to) {
  const int64_t columns = up(co, LANES);
#pragma omp parallel for schedule(static)
  for (int64_t panel = 0; panel < columns; panel += PANEL) {
    const int64_t width = std::min<int64_t>(PANEL, columns - panel);
    float *packed = to + panel * ci;
    for (int64_t i = 0; i < ci; i += LANES)  // a few inputs of each output at a time: whole lines of the cache are read
      for (int64_t c = 0; c < width; c++)
        for (int64_t k = i; k < std::min<int64_t>(i + LANES, ci); k++) packed[k * width + c] = panel + c < co ? w[(panel + c) * ci + k] : 0.0f;
  }
}
