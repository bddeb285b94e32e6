#include "grouped.h"

namespace sn {
namespace {

// GroupedWeight is a weight as sn_grouped wants it.
class GroupedWeight : public Packed {
 public:
  GroupedWeight(Device &d, const sn_weight &w) : Packed(d, w), weight(w.co * w.ci * 9) {}
  bool holds(const sn_weight &w) const { return same(w); }

  Floats weight;

 private:
  void arrange(const float *plain) override { sn_grouped_weights(plain, source_.co, source_.ci, weight.data()); }
};

class Grouped : public Kernel {
 public:
  Grouped(Device &d, sn_grouped c, const sn_weight &w) : Kernel(d), c_(c) {
    info = "groups";
    auto packed = d.pack<GroupedWeight>(w);
    c_.weight = packed->weight.data(), c_.bias = static_cast<const float *>(packed->bias.get_data_handle());
    weight = packed;
  }

  void run(uint64_t version) override {
    Kernel::run(version);
    c_.scratch = device.scratch.at_least(sn_grouped_scratch(&c_.shape, sn_threads()));
    sn_grouped_run(&c_);
  }

 private:
  sn_grouped c_;
};

}  // namespace

// On AVX2 these loops take 0.4 of the time of oneDNN's direct kernels with groups of 4 channels, of which that multiplies two by zeros, 0.6 with groups
// of 8 and 0.86 with groups of 16 (the shapes of ResNeXt-50); with 32 they would take as long.
bool grouped_fits(const sn_conv_shape &s, int type) {
  const int64_t group = s.ci / s.groups;
  return type == SN_F32 && s.groups > 1 && s.co == s.ci && s.kh == 3 && s.kw == 3 && s.stride <= 2 && s.dilation == 1 && s.ci % 16 == 0 &&
         (group == 4 || group == 8 || group == 16);
}

sn_kernel *grouped_forward(Device &d, const sn_conv &c, char *error) {
  auto floats = [](const void *p) { return static_cast<const float *>(p); };
  sn_grouped g{};
  g.shape = c.shape, g.activation = c.activation;
  g.x = floats(c.x), g.residual = floats(c.residual), g.y = static_cast<float *>(c.y);
  return make<Grouped>(error, d, g, c.weight);
}

}  // namespace sn
