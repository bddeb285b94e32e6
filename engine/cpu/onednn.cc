// What oneDNN kernels have in common: packed weights, steps, and the C interface to them.
#include "onednn.h"

#include <algorithm>

namespace sn {

std::shared_ptr<Packed> Device::pack(const sn_weight &w, const memory::desc &plain, const memory::desc &want) {
  packed.erase(std::remove_if(packed.begin(), packed.end(), [](auto &p) { return p.expired(); }), packed.end());
  for (auto &p : packed)
    if (auto have = p.lock(); have->holds(w, plain, want)) return have;
  auto made = std::make_shared<Packed>(*this, w, plain, want);
  packed.push_back(made);
  return made;
}

Packed::Packed(Device &d, const sn_weight &w, const memory::desc &plain, const memory::desc &want)
    : weight(want, d.engine),
      bias({{w.co}, Type::f32, Tag::a}, d.engine),
      device_(d),
      source_(w),
      plain_(plain),
      scale_(size_t(w.gamma ? w.co : 0)),
      reorder_(dnnl::reorder::primitive_desc(d.engine, plain, d.engine, want)) {}

bool Packed::holds(const sn_weight &w, const memory::desc &plain, const memory::desc &want) const {
  const sn_weight &s = source_;
  return s.weight == w.weight && s.bias == w.bias && s.gamma == w.gamma && s.beta == w.beta && s.mean == w.mean &&
         s.variance == w.variance && s.eps == w.eps && s.co == w.co && s.weight_ci == w.weight_ci && s.from == w.from &&
         s.ci == w.ci && s.kh == w.kh && s.kw == w.kw && s.identity == w.identity && plain_ == plain &&
         weight.get_desc() == want;
}

void Packed::refresh(uint64_t version) {
  if (version == version_ && version != SN_ALWAYS) return;
  const sn_weight &s = source_;
  auto *b = static_cast<float *>(bias.get_data_handle());
  std::fill(b, b + s.co, 0.0f);
  if (s.gamma) sn_norm_coefficients(s.gamma, s.beta, s.mean, s.variance, s.eps, scale_.data(), b, s.co);
  if (s.bias)
    for (int64_t i = 0; i < s.co; i++) b[i] += s.bias[i] * (s.gamma ? scale_[size_t(i)] : 1.0f);
  const float *plain = s.weight;
  if (s.gamma || s.ci != s.weight_ci) {
    int64_t kernel = s.kh * s.kw;
    device_.folded.resize(std::max(device_.folded.size(), size_t(s.co * s.ci * kernel)));
    plain = device_.folded.data();
    sn_fold_weight(s.weight, s.gamma ? scale_.data() : nullptr, device_.folded.data(), s.co, s.weight_ci, s.from, s.ci, kernel);
  }
  memory from(plain_, device_.engine, const_cast<float *>(plain));
  reorder_.execute(device_.stream, from, weight);
  device_.stream.wait();
  version_ = version;
}

void Kernel::run(uint64_t version) {
  if (weight) weight->refresh(version);
  for (auto &s : steps) s.primitive.execute(device.stream, s.args);
  device.stream.wait();
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
