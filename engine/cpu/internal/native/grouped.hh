// Convolutions of 3x3 in groups of 4, 8 or 16 channels. A vector of output channels lies in one group, or is made of several smaller ones. The rows of
// the input that a row of the output needs wait in a buffer, which holds what is multiplied as it is wanted: numbers of one group's channels, or, of
// groups smaller than a vector, vectors with each group's i-th channel in all of its lanes.

// GroupRows is the buffer: three rows of `wide` pixels, borders included. A pixel takes `group` places, which are vectors or numbers.
template <int group>
struct GroupRows {
  static constexpr bool spread = group < LANES;
  static constexpr int64_t pixel = spread ? group * LANES : group, vectors = spread ? 1 : group / LANES;
  static constexpr int64_t channels = spread ? LANES : group;  // that one buffer is for
  const sn_conv_shape &s;
  float *rows;
  int64_t wide, next;  // next: the first row that was not read

  GroupRows(const sn_conv_shape &s, float *rows, int64_t first) : s(s), rows(rows), wide((s.ow - 1) * s.stride + 3), next(first) {}

  static int64_t size(const sn_conv_shape &s) { return 3 * ((s.ow - 1) * s.stride + 3) * pixel; }
  float *row(int64_t y) const { return rows + (y + s.pad) % 3 * wide * pixel; }

  // read makes the rows before `end` of an image's channels available.
  void read(const float *image, int64_t end) {
    for (next = std::max(next, end - 3); next < end; next++) {
      float *to = row(next);
      for (int64_t c = 0; c < wide; c++, to += pixel) {
        const int64_t x = c - s.pad;
        put_pixel(to, next >= 0 && next < s.h && x >= 0 && x < s.w ? image + (next * s.w + x) * s.ci : nullptr);
      }
    }
  }

 private:
  static SN_INLINE void put_pixel(float *to, const float *from) {
    for (int64_t c = 0; c < channels; c += LANES) {
      const Vec v = from ? load(from + c) : Vec{};
      if constexpr (spread) {
#pragma GCC unroll 8
        for (int i = 0; i < group; i++) store(to + i * LANES, chosen(v, i));
      } else {
        store(to + c, v);
      }
    }
  }

  typedef int32_t Lanes __attribute__((vector_size(4 * LANES)));
  static SN_INLINE Vec chosen(Vec v, int i) {
    Lanes from{};
#pragma GCC unroll 16
    for (int lane = 0; lane < LANES; lane++) from[lane] = lane / group * group + i;
    return __builtin_shuffle(v, from);
  }
};

// add_pixels adds to the sums of n pixels of a row: weights are (3, group, 3) vectors.
template <int group, int n, int stride>
static SN_INLINE void add_pixels(Vec (&sum)[n], const GroupRows<group> &in, int64_t y, int64_t x, const float *w) {
  using W = GroupRows<group>;
  for (int ky = 0; ky < 3; ky++) {
    const float *row = in.row(y + ky) + x * stride * W::pixel;
    for (int i = 0; i < group; i++, w += 3 * LANES) {
      const Vec weight[3] = {load(w), load(w + LANES), load(w + 2 * LANES)};
#pragma GCC unroll 17
      for (int c = 0; c < (n - 1) * stride + 3; c++) {
        const float *at = row + c * W::pixel + i * (W::spread ? LANES : 1);
        Vec v;
        if constexpr (W::spread)
          v = load(at);
        else
          v = *at - Vec{};  // plus would have to make -0 a 0
#pragma GCC unroll 3
        for (int kx = 0; kx < 3; kx++)
          if (c >= kx && (c - kx) % stride == 0 && (c - kx) / stride < n) sum[(c - kx) / stride] += v * weight[kx];
      }
    }
  }
}

template <int group, int stride, int activation>
static void grouped(const sn_grouped &c) {
  using W = GroupRows<group>;
  const sn_conv_shape &s = c.shape;
  const int64_t windows = s.ci / W::channels, shares = std::clamp<int64_t>((omp_get_max_threads() + s.n * windows - 1) / (s.n * windows), 1, s.oh);
  const int64_t size = W::size(s);
#pragma omp parallel for schedule(static) if (s.n * windows * shares > 1)
  for (int64_t item = 0; item < s.n * windows * shares; item++) {
    const int64_t share = item % shares, channel = item / shares % windows * W::channels, image = item / shares / windows;
    const int64_t first = s.oh * share / shares, end = s.oh * (share + 1) / shares;
    const float *x = (const float *)c.x + image * s.h * s.w * s.ci + channel;
    W in(s, c.scratch + omp_get_thread_num() * size, first * stride - s.pad);
    for (int64_t oy = first; oy < end; oy++) {
      const int64_t y = oy * stride - s.pad;
      in.read(x, y + 3);
      for (int64_t v = 0; v < W::vectors; v++) {
        const int64_t o = channel + v * LANES;
        const Vec bias = load(c.bias + o);
        auto pixels = [&](auto n, int64_t ox) {
          Vec sum[n] = {};
          add_pixels<group, n, stride>(sum, in, y, ox, c.weight + o * 9 * group);
          for (int i = 0; i < n; i++) {
            const int64_t at = ((image * s.oh + oy) * s.ow + ox + i) * s.co + o;
            Vec r = sum[i] + bias;
            if (c.residual) r += load(c.residual + at);
            store(c.y + at, activated<activation>(r));
          }
        };
        int64_t ox = 0;
        if (s.ow % 8 && s.ow % 7 == 0)
          for (; ox < s.ow; ox += 7) pixels(std::integral_constant<int, 7>(), ox);
        for (; ox + 8 <= s.ow; ox += 8) pixels(std::integral_constant<int, 8>(), ox);
        for (; ox + 3 <= s.ow; ox += 3) pixels(std::integral_constant<int, 3>(), ox);
        for (; ox < s.ow; ox++) pixels(std::integral_constant<int, 1>(), ox);
      }
    }
  }
}

// by_group calls f with the channels of a group as a constant.
template <class F>
static SN_INLINE void by_group(const sn_conv_shape &s, F f) {
  switch (s.ci / s.groups) {
    case 4: return f(std::integral_constant<int, 4>());
    case 8: return f(std::integral_constant<int, 8>());
    case 16: return f(std::integral_constant<int, 16>());
  }
}

void grouped_run(const sn_grouped *c) {
  by_group(c->shape, [&](auto group) {
    by_activation(c->activation, [&](auto activation) {
      if (c->shape.stride == 1)
        grouped<group, 1, activation>(*c);
      else
        grouped<group, 2, activation>(*c);
    });
  });
}

int64_t grouped_scratch(const sn_conv_shape *s, int threads) {
  int64_t n = 0;
  by_group(*s, [&](auto group) { n = threads * GroupRows<group>::size(*s); });
  return n;
}

void grouped_weights(const float *w, int64_t co, int64_t group, float *to) {
  for (int64_t o = 0; o < co; o++)
    for (int64_t i = 0; i < group; i++)
      for (int64_t k = 0; k < 9; k++)
        to[(o / LANES * 9 * group + (k / 3 * group + i) * 3 + k % 3) * LANES + o % LANES] = w[(o * group + i) * 9 + k];
}
