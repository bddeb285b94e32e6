#include "winograd.h"

namespace sn {
namespace {

// WinogradWeight is a weight transformed for tiles of a size, or that of the gradient by the input.
class WinogradWeight : public Packed {
 public:
  WinogradWeight(Device &d, const sn_weight &w, int tile, bool gradient)
      : Packed(d, w), weight(sn_winograd_weight_size(gradient ? w.ci : w.co, gradient ? w.co : w.ci, tile)), tile_(tile), gradient_(gradient) {}
  bool holds(const sn_weight &w, int tile, bool gradient) const { return same(w) && tile == tile_ && gradient == gradient_; }

  Floats weight;

 private:
  void arrange(const float *plain) override {
    const int64_t ci = source_.ci, co = source_.co;
    if (gradient_)
      sn_winograd_weights(plain, ci, co, 9, ci * 9, 1, tile_, weight.data());
    else
      sn_winograd_weights(plain, co, ci, ci * 9, 9, 0, tile_, weight.data());
  }

  int tile_;
  bool gradient_;
};

class Winograd : public Kernel {
 public:
  Winograd(Device &d, sn_winograd c, const sn_weight &w, bool gradient) : Kernel(d), c_(c), zeros_(std::max(c.shape.ci, c.shape.co) + 15) {
    info = "winograd:" + std::to_string(c.tile) + "x" + std::to_string(c.tile);
    auto packed = d.pack<WinogradWeight>(w, c.tile, gradient);
    c_.zeros = zeros_.data();
    c_.weight = packed->weight.data();
    c_.bias = gradient ? zeros_.data() : static_cast<const float *>(packed->bias.get_data_handle());
    weight = packed;
  }

  void run(uint64_t version) override {
    Kernel::run(version);
    c_.scratch = device.scratch.at_least(sn_winograd_scratch(&c_.shape, c_.tile, sn_threads()));
    sn_winograd_run(&c_);
  }

 private:
  sn_winograd c_;
  Floats zeros_;
};

}  // namespace

// The rule: the cheapest of direct and 2x2 and 4x4 tiles, where a cost is multiplications (9 a pixel, 16 a tile of 2x2, 36 a tile of
// 4x4, for each pair of channels), and each weight that has to be read is worth twelve of them. Measured on AVX2; see
// docs/benchmarks.md. Not timed at run time: a resumed training must choose the same.
int winograd_tile(const sn_conv_shape &s) {
  if (s.kh != 3 || s.kw != 3 || s.stride != 1 || s.dilation != 1 || s.groups != 1 || s.ci < 16 || s.pad > 2) return 0;
  const int64_t read = 12;
  int best = 0;
  int64_t least = 9 * (s.n * s.oh * s.ow + read);
  for (int m : {2, 4}) {
    const int64_t tiles = s.n * ((s.oh + m - 1) / m) * ((s.ow + m - 1) / m), cost = (m + 2) * (m + 2) * (tiles + read);
    if (cost < least) least = cost, best = m;
  }
  return best;
}

sn_conv_shape gradient_shape(const sn_conv_shape &s) {
  sn_conv_shape g = s;
  g.h = s.oh, g.w = s.ow, g.ci = s.co, g.oh = s.h, g.ow = s.w, g.co = s.ci, g.pad = s.kh - 1 - s.pad;
  return g;
}

sn_kernel *winograd_forward(Device &d, const sn_conv &c, char *error) {
  sn_winograd w{};
  w.shape = c.shape, w.tile = winograd_tile(c.shape), w.relu = c.relu;
  w.x = static_cast<const float *>(c.x), w.residual = static_cast<const float *>(c.residual), w.y = static_cast<float *>(c.y);
  return make<Winograd>(error, d, w, c.weight, false);
}

sn_kernel *winograd_backward_input(Device &d, const sn_conv_grad_input &c, char *error) {
  sn_winograd w{};
  w.shape = gradient_shape(c.shape), w.tile = winograd_tile(w.shape);
  w.x = static_cast<const float *>(c.dy), w.y = static_cast<float *>(c.dx);
  return make<Winograd>(error, d, w, c.weight, true);
}

}  // namespace sn
