// What oneDNN kernels have in common: packed weights, steps, and the C interface to them.
#include "onednn.h"

namespace sn {

Packed::Packed(Device &d, const sn_weight &w)
    : device_(d), source_(w), bias_(w.co + 15), scale_(size_t(w.gamma ? w.co : 0)) {
  bias = memory({{w.co}, Type::f32, Tag::a}, d.engine, bias_.data());
}

bool Packed::same(const sn_weight &w) const {
  const sn_weight &s = source_;
  return s.weight == w.weight && s.bias == w.bias && s.gamma == w.gamma && s.beta == w.beta && s.mean == w.mean &&
         s.variance == w.variance && s.eps == w.eps && s.co == w.co && s.weight_ci == w.weight_ci && s.from == w.from &&
         s.ci == w.ci && s.kh == w.kh && s.kw == w.kw && s.groups == w.groups && s.merge == w.merge && s.identity == w.identity;
}

void Packed::refresh(uint64_t version) {
  if (version == version_ && version != SN_ALWAYS) return;
  const sn_weight &s = source_;
  float *b = bias_.data();
  std::fill(b, b + s.co, 0.0f);
  if (s.gamma) sn_norm_coefficients(s.gamma, s.beta, s.mean, s.variance, s.eps, scale_.data(), b, s.co);
  if (s.bias)
    for (int64_t i = 0; i < s.co; i++) b[i] += s.bias[i] * (s.gamma ? scale_[size_t(i)] : 1.0f);
  const float *plain = s.weight, *scale = s.gamma ? scale_.data() : nullptr;
  int64_t kernel = s.kh * s.kw;
  if (scale || s.merge || s.ci != s.weight_ci) {
    float *folded = device_.folded.at_least(s.co * s.ci * kernel * std::max<int64_t>(s.merge, 1));
    if (s.merge)
      sn_merge_groups(s.weight, scale, folded, s.co, s.ci * kernel, s.groups, s.merge);
    else
      sn_fold_weight(s.weight, scale, folded, s.co, s.weight_ci, s.from, s.ci, kernel);
    plain = folded;
  }
  arrange(plain);
  version_ = version;
}

Reordered::Reordered(Device &d, const sn_weight &w, const memory::desc &plain, const memory::desc &want)
    : Packed(d, w),
      weight(want, d.engine),
      plain_(plain),
      reorder_(dnnl::reorder::primitive_desc(d.engine, plain, d.engine, want)) {}

bool Reordered::holds(const sn_weight &w, const memory::desc &plain, const memory::desc &want) const {
  return same(w) && plain_ == plain && weight.get_desc() == want;
}

void Reordered::arrange(const float *plain) {
  memory from(plain_, device_.engine, const_cast<float *>(plain));
  reorder_.execute(device_.stream, from, weight);
  device_.stream.wait();
}

memory Kernel::weight_as(const sn_weight &w, const memory::desc &plain, const memory::desc &want) {
  auto packed = device.pack<Reordered>(w, plain, want);
  weight = packed;
  return packed->weight;
}

void Kernel::run(uint64_t version) {
  if (weight) weight->refresh(version);
  for (auto &s : steps) s.primitive.execute(device.stream, s.args);
  device.stream.wait();
}

void WeightGradient::run(uint64_t version) {
  Kernel::run(version);
  const sn_conv_grad_weight &c = gradient_;
  if (!c.gamma) return;
  const sn_conv_shape &s = c.shape;
  sn_norm_coefficients(c.gamma, nullptr, nullptr, c.variance, c.eps, scale_.data(), nullptr, s.co);
  sn_scale_rows(c.dw, scale_.data(), s.co, s.ci / s.groups * s.kh * s.kw);
}

memory Kernel::view(const Dims &dims, int type, Tag tag, const void *p) const {
  return memory({dims, type_of(type), tag}, device.engine, const_cast<void *>(p));
}

void Kernel::add_reorder(const memory &from, const memory &to) {
  dnnl::reorder::primitive_desc pd(device.engine, from.get_desc(), device.engine, to.get_desc());
  info += std::string(" reorder:") + pd.impl_info_str();
  add(dnnl::reorder(pd), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

memory Kernel::in_layout(const memory &from, const memory::desc &want) {
  if (from.get_desc() == want) return from;
  memory to = buffer(want);
  add_reorder(from, to);
  return to;
}

}  // namespace sn

sn_device *sn_device_new(char *error) {
  sn_device *d = nullptr;
  sn::guarded(error, [&] { d = new sn_device; });
  return d;
}

void sn_device_free(sn_device *d) { delete d; }

int sn_device_packed(const sn_device *d) {
  return int(std::count_if(d->packed.begin(), d->packed.end(), [](auto &p) { return !p.expired(); }));
}

int sn_run(sn_kernel *k, uint64_t version, char *error) {
  return !sn::guarded(error, [&] { k->kernel->run(version); });
}

const char *sn_info(const sn_kernel *k) { return k->kernel->info.c_str(); }

void sn_close(sn_kernel *k) { delete k; }
