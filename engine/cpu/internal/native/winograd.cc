#include "winograd.h"

namespace sn {
namespace {

// WinogradWeight is a weight transformed for tiles of a size and products of a type, or that of the gradient by the input.
class WinogradWeight : public Packed {
 public:
  WinogradWeight(Device &d, const sn_weight &w, int tile, int product, bool gradient)
      : Packed(d, w), weight(sn_winograd_weight_size(gradient ? w.ci : w.co, gradient ? w.co : w.ci, tile, product)), tile_(tile),
        product_(product), gradient_(gradient) {}
  bool holds(const sn_weight &w, int tile, int product, bool gradient) const {
    return same(w) && tile == tile_ && product == product_ && gradient == gradient_;
  }

  Floats weight;

 private:
  void arrange(const float *plain) override {
    const int64_t ci = source_.ci, co = source_.co;
    if (gradient_)
      sn_winograd_weights(plain, ci, co, 9, ci * 9, 1, tile_, product_, weight.data());
    else
      sn_winograd_weights(plain, co, ci, ci * 9, 9, 0, tile_, product_, weight.data());
  }

  int tile_, product_;
  bool gradient_;
};

std::string name(int tile) { return "winograd:" + std::to_string(tile) + "x" + std::to_string(tile); }

class Winograd : public Kernel {
 public:
  Winograd(Device &d, sn_winograd c, const sn_weight &w, bool gradient) : Kernel(d), c_(c), zeros_(std::max(c.shape.ci, c.shape.co) + 15) {
    info = name(c.tile);
    auto packed = d.pack<WinogradWeight>(w, c.tile, c.product, gradient);
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

class WinogradGradient : public WeightGradient {
 public:
  WinogradGradient(Device &d, const sn_conv_grad_weight &c)
      : WeightGradient(d, c), zeros_(std::max(c.shape.ci, c.shape.co) + 15) {
    c_.shape = c.shape, c_.type = c.type, c_.tile = winograd_gradient_tile(c.shape, c.type);
    c_.x = c.x, c_.dy = c.dy, c_.dw = c.dw, c_.zeros = zeros_.data();
    info = name(c_.tile);
  }

  void run(uint64_t version) override {
    c_.scratch = device.scratch.at_least(sn_winograd_gradient_scratch(&c_.shape, c_.tile));
    sn_winograd_gradient_run(&c_);
    WeightGradient::run(version);
  }

 private:
  sn_winograd_gradient c_{};
  Floats zeros_;
};

// gradient_shape is the convolution that makes a convolution's gradient by its input, if its stride is 1.
sn_conv_shape gradient_shape(const sn_conv_shape &s) {
  sn_conv_shape g = s;
  g.h = s.oh, g.w = s.ow, g.ci = s.co, g.oh = s.h, g.ow = s.w, g.co = s.ci, g.pad = s.kh - 1 - s.pad;
  return g;
}

// taps counts the pairs of a target and a weight, along an axis, that meet inside the image.
int64_t taps(int64_t in, int64_t out, int64_t kernel, int64_t pad) {
  int64_t n = 0;
  for (int64_t k = 0; k < kernel; k++) n += std::max<int64_t>(0, std::min(out, in + pad - k) - std::max<int64_t>(0, pad - k));
  return n;
}

// cost is the time of one of oneDNN's multiplications, that of a float32 being 1: processors multiply two pairs of bfloat16 at a
// time, or with AMX sixteen, or by emulation.
double cost(int type) {
  if (type == SN_F32) return 1;
  return has(dnnl_cpu_isa_avx512_core_amx) ? 1.0 / 16 : has(dnnl_cpu_isa_avx512_core_bf16) ? 0.5 : 1;
}

// product is the type of what a convolution of features of a type, and its gradient by the input, multiply. The gradient by the
// weight multiplies float32.
int product(int type) { return type == SN_BF16 && has(dnnl_cpu_isa_avx512_core_bf16) ? SN_BF16 : SN_F32; }

// The rule: the cheapest of tiles of 2, tiles of 4, and neither. A cost is the number of multiplications for each pair of channels:
// 16 a tile of 2x2, 36 a tile of 4x4, and what lies inside the image otherwise; and `read` of them for each weight that has to be read (or
// written), which decides where tiles are few. Measured on AVX2 (docs/benchmarks.md), not timed at run time: a resumed training
// must choose the same. Fewer than 16 channels do not repay the transforms.
int cheapest(const sn_conv_shape &s, double direct, int64_t read, int largest = 4) {
  if (s.kh != 3 || s.kw != 3 || s.stride != 1 || s.dilation != 1 || s.groups != 1 || s.ci < 16 || s.pad > 2) return 0;
  int best = 0;
  double least = direct * double(s.n * taps(s.h, s.oh, 3, s.pad) * taps(s.w, s.ow, 3, s.pad)) + double(9 * read);
  for (int m = 2; m <= largest; m += 2) {
    const int64_t tiles = s.n * ((s.oh + m - 1) / m) * ((s.ow + m - 1) / m);
    const double cost = double((m + 2) * (m + 2) * (tiles + read));
    if (cost < least) least = cost, best = m;
  }
  return best;
}

int tile_of(const sn_conv_shape &s, int type) {
  // Transforms for tiles of 4 spread over more than bfloat16's eight bits. Both kinds of multiplication take half the time.
  if (product(type) == SN_BF16) return cheapest(s, 2 * cost(type), 12, 2);
  return cheapest(s, cost(type), 12);
}

}  // namespace

int winograd_tile(const sn_conv &c) {
  sn_conv_shape s = c.shape;
  s.n = c.images;
  return tile_of(s, c.x_type);
}

int winograd_input_gradient_tile(const sn_conv_shape &s, int type) { return tile_of(gradient_shape(s), type); }

int winograd_gradient_tile(const sn_conv_shape &s, int type) {
  // The direct gradient runs at half the speed of the direct convolution. The sums of 4x4 tiles take 144 bytes a pair of channels.
  const int tile = cheapest(s, 2 * cost(type), 16);
  return tile == 4 && s.ci * s.co > 512 * 1024 ? 2 : tile;
}

sn_kernel *winograd_forward(Device &d, const sn_conv &c, char *error) {
  sn_winograd w{};
  w.shape = c.shape, w.type = c.x_type, w.tile = winograd_tile(c), w.product = product(c.x_type);
  w.activation = c.activation, w.x = c.x, w.residual = c.residual, w.y = c.y;
  return make<Winograd>(error, d, w, c.weight, false);
}

sn_kernel *winograd_backward_input(Device &d, const sn_conv_grad_input &c, char *error) {
  sn_winograd w{};
  w.shape = gradient_shape(c.shape), w.type = c.type, w.tile = tile_of(w.shape, c.type), w.product = product(c.type);
  w.x = c.dy, w.y = c.dx;
  return make<Winograd>(error, d, w, c.weight, true);
}

sn_kernel *winograd_backward_weight(Device &d, const sn_conv_grad_weight &c, char *error) {
  return make<WinogradGradient>(error, d, c);
}

}  // namespace sn
