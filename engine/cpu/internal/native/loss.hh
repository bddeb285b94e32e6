// Losses. The arrays are small: one thread, sums in float64.

static double max_of(const float *x, int64_t k) {
  float m = x[0];
  for (int64_t j = 1; j < k; j++) m = std::max(m, x[j]);
  return double(m);
}

int64_t softmax_cross_entropy(const float *logits, const int32_t *labels, double smoothing, float *loss, int64_t n, int64_t k) {
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) {
    if (labels[i] < 0) continue;
    if (labels[i] >= k) return i;
    const float *row = logits + i * k;
    double m = max_of(row, k), z = 0, all = 0;
    for (int64_t j = 0; j < k; j++) z += std::exp(double(row[j]) - m), all += double(row[j]) - m;
    sum += std::log(z) + (1 - smoothing) * (m - double(row[labels[i]])) - smoothing * all / double(k);
    count++;
  }
  *loss = count ? float(sum / double(count)) : 0.0f;
  return -1;
}

static int64_t labelled(const int32_t *labels, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) count += labels[i] >= 0;
  return count;
}

void softmax_cross_entropy_grad(const float *logits, const int32_t *labels, double smoothing, const float *dloss, float *dlogits,
                                int64_t n, int64_t k) {
  double share = double(*dloss) / double(std::max<int64_t>(labelled(labels, n), 1));
  for (int64_t i = 0; i < n; i++) {
    const float *row = logits + i * k;
    float *d = dlogits + i * k;
    if (labels[i] < 0 || labels[i] >= k) {
      std::memset(d, 0, size_t(k) * sizeof *d);
      continue;
    }
    double m = max_of(row, k), z = 0;
    for (int64_t j = 0; j < k; j++) z += std::exp(double(row[j]) - m);
    for (int64_t j = 0; j < k; j++) {
      double label = (1 - smoothing) * double(j == labels[i]) + smoothing / double(k);
      d[j] = float(share * (std::exp(double(row[j]) - m) / z - label));
    }
  }
}

int64_t sigmoid_cross_entropy(const float *logits, const int32_t *labels, float *loss, int64_t n) {
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) {
    if (labels[i] < 0) continue;
    if (labels[i] > 1) return i;
    double x = double(logits[i]);
    sum += std::max(x, 0.0) - x * labels[i] + std::log1p(std::exp(-std::fabs(x)));
    count++;
  }
  *loss = count ? float(sum / double(count)) : 0.0f;
  return -1;
}

void sigmoid_cross_entropy_grad(const float *logits, const int32_t *labels, const float *dloss, float *dlogits, int64_t n) {
  double share = double(*dloss) / double(std::max<int64_t>(labelled(labels, n), 1));
  for (int64_t i = 0; i < n; i++)
    dlogits[i] = labels[i] < 0 ? 0.0f : float(share * (1 / (1 + std::exp(-double(logits[i]))) - labels[i]));
}

void smooth_l1(const float *p, const float *t, const float *w, float beta, float *loss, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    double d = std::fabs(double(p[i]) - double(t[i])), b = double(beta);
    sum += double(w[i]) * (d < b ? d * d / (2 * b) : d - b / 2);
  }
  *loss = float(sum);
}

void smooth_l1_grad(const float *p, const float *t, const float *w, const float *dloss, float beta, float *dp, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float d = p[i] - t[i], slope = std::fabs(d) < beta ? d / beta : float((d > 0) - (d < 0));
    dp[i] = *dloss * w[i] * slope;
  }
}
