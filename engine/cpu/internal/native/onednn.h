// oneDNN as this package uses it: what differs between versions 2 and 3, and what its kernels have in common.
#ifndef SCALENET_ONEDNN_H
#define SCALENET_ONEDNN_H
#include <algorithm>
#include <cstdio>
#include <memory>
#include <new>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels.h"

namespace sn {
using dnnl::memory;
using dnnl::primitive_attr;
using Tag = memory::format_tag;
using Type = memory::data_type;
using Dims = memory::dims;

// describe makes a primitive descriptor of P: version 2 has an operation descriptor in between. `hint` is the forward
// primitive descriptor that backward ones are made with.
#if DNNL_VERSION_MAJOR >= 3
template <class P, class... Args>
typename P::primitive_desc describe(const dnnl::engine &e, const primitive_attr &attr, Args... args) {
  return typename P::primitive_desc(e, args..., attr);
}
template <class P, class Hint, class... Args>
typename P::primitive_desc describe_backward(const dnnl::engine &e, const Hint &hint, Args... args) {
  return typename P::primitive_desc(e, args..., hint);
}
#else
template <class P, class... Args>
typename P::primitive_desc describe(const dnnl::engine &e, const primitive_attr &attr, Args... args) {
  return typename P::primitive_desc(typename P::desc(args...), attr, e);
}
template <class P, class Hint, class... Args>
typename P::primitive_desc describe_backward(const dnnl::engine &e, const Hint &hint, Args... args) {
  return typename P::primitive_desc(typename P::desc(args...), e, hint);
}
#endif

inline Type type_of(int t) { return t == SN_BF16 ? Type::bf16 : Type::f32; }
inline bool has(dnnl_cpu_isa_t isa) { return (int(dnnl_get_effective_cpu_isa()) & isa) == isa; }
inline bool slow(const std::string &impl) { return impl.find("ref") != std::string::npos; }

// Step is a primitive with its arguments.
struct Step {
  dnnl::primitive primitive;
  std::unordered_map<int, memory> args;
};

// Floats is zeroed memory in whole cache lines.
class Floats {
 public:
  explicit Floats(int64_t n = 0) : n_(n), at_(static_cast<float *>(sn_alloc(bytes()))) {
    if (!at_) throw std::bad_alloc();
  }
  ~Floats() { sn_free(at_, bytes()); }
  Floats(const Floats &) = delete;
  Floats &operator=(const Floats &) = delete;
  float *at_least(int64_t n) {  // anew, if there are fewer
    if (n > n_) {
      Floats more(n);
      std::swap(n_, more.n_), std::swap(at_, more.at_);
    }
    return at_;
  }
  float *data() const { return at_; }

 private:
  size_t bytes() const { return sizeof(float) * size_t(n_); }
  int64_t n_;
  float *at_;
};

// Packed is a weight folded with a norm, and its bias, in the form that a kernel wants.
class Packed {
 public:
  Packed(struct Device &d, const sn_weight &w);
  virtual ~Packed() = default;
  void refresh(uint64_t version);  // packs anew if the parameters changed

  memory bias;

 protected:
  bool same(const sn_weight &w) const;
  virtual void arrange(const float *plain) = 0;  // from (co, ci, kh, kw)

  Device &device_;
  const sn_weight source_;

 private:
  Floats bias_;  // in whole vectors
  uint64_t version_ = SN_ALWAYS;
  std::vector<float> scale_;
};

// Device is an engine, its stream, the packed weights that kernels share, and memory for whichever kernel runs.
struct Device {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::vector<std::weak_ptr<Packed>> packed;
  Floats folded;  // a weight on its way into packed form
  Floats scratch;

  // pack gives the packed weight P(*this, w, form...), which may be there already.
  template <class P, class... Form>
  std::shared_ptr<P> pack(const sn_weight &w, const Form &...form) {
    packed.erase(std::remove_if(packed.begin(), packed.end(), [](auto &p) { return p.expired(); }), packed.end());
    for (auto &p : packed)
      if (auto have = std::dynamic_pointer_cast<P>(p.lock()); have && have->holds(w, form...)) return have;
    auto made = std::make_shared<P>(*this, w, form...);
    packed.push_back(made);
    return made;
  }
};

// Reordered is a weight in a layout of oneDNN's; `plain` describes the weight as it is.
class Reordered : public Packed {
 public:
  Reordered(Device &d, const sn_weight &w, const memory::desc &plain, const memory::desc &want);
  bool holds(const sn_weight &w, const memory::desc &plain, const memory::desc &want) const;

  memory weight;

 private:
  void arrange(const float *plain) override;

  memory::desc plain_;
  dnnl::reorder reorder_;
};

// Kernel runs its steps in order.
class Kernel {
 public:
  explicit Kernel(Device &d) : device(d) {}
  virtual ~Kernel() = default;
  virtual void run(uint64_t version);
  std::string info;

 protected:
  // Views of memory in plain layout, and buffers of the kernel's own.
  memory view(const Dims &dims, int type, Tag tag, const void *p) const;
  memory buffer(const memory::desc &d) const { return memory(d, device.engine); }
  // in_layout is memory in the layout `want`: itself, or a buffer that an added reorder fills.
  memory in_layout(const memory &from, const memory::desc &want);
  void add(dnnl::primitive p, std::unordered_map<int, memory> args) { steps.push_back({std::move(p), std::move(args)}); }
  void add_reorder(const memory &from, const memory &to);

  // weight_as packs the weight as oneDNN wants it.
  memory weight_as(const sn_weight &w, const memory::desc &plain, const memory::desc &want);

  Device &device;
  std::shared_ptr<Packed> weight;
  std::vector<Step> steps;
};

// WeightGradient ends with the scale of a folded norm.
class WeightGradient : public Kernel {
 public:
  WeightGradient(Device &d, const sn_conv_grad_weight &c) : Kernel(d), gradient_(c), scale_(size_t(c.gamma ? c.shape.co : 0)) {}
  void run(uint64_t version) override;

 private:
  sn_conv_grad_weight gradient_;
  std::vector<float> scale_;
};

// guarded runs f and turns exceptions into a message.
template <class F>
bool guarded(char *error, F f) {
  try {
    f();
    return true;
  } catch (const dnnl::error &e) {
    std::snprintf(error, SN_ERROR, "oneDNN: %s (status %d)", e.what(), int(e.status));
  } catch (const std::exception &e) {
    std::snprintf(error, SN_ERROR, "%s", e.what());
  }
  return false;
}
}  // namespace sn

struct sn_device : sn::Device {};
struct sn_kernel {
  std::unique_ptr<sn::Kernel> kernel;
};

namespace sn {
template <class K, class... Args>
sn_kernel *make(char *error, Args &&...args) {
  sn_kernel *k = nullptr;
  guarded(error, [&] { k = new sn_kernel{std::make_unique<K>(std::forward<Args>(args)...)}; });
  return k;
}
}  // namespace sn
#endif
