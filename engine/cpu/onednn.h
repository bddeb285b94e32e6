// oneDNN as this package uses it: what differs between versions 2 and 3, and what its kernels have in common.
#ifndef SCALENET_ONEDNN_H
#define SCALENET_ONEDNN_H
#include <cstdio>
#include <memory>
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
inline bool slow(const std::string &impl) { return impl.find("ref") != std::string::npos; }

// Step is a primitive with its arguments.
struct Step {
  dnnl::primitive primitive;
  std::unordered_map<int, memory> args;
};

class Packed;

// Device is an engine, its stream, and the packed weights that kernels share.
struct Device {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::vector<std::weak_ptr<Packed>> packed;
  std::vector<float> folded;  // a weight on its way into packed form

  std::shared_ptr<Packed> pack(const sn_weight &w, const memory::desc &plain, const memory::desc &want);
};

// Packed is a weight in the layout that an implementation wants, folded with a norm, and its bias.
class Packed {
 public:
  Packed(Device &d, const sn_weight &w, const memory::desc &plain, const memory::desc &want);
  bool holds(const sn_weight &w, const memory::desc &plain, const memory::desc &want) const;
  void refresh(uint64_t version);  // packs anew if the parameters changed

  memory weight, bias;
  bool has_bias() const { return source_.bias || source_.beta; }

 private:
  Device &device_;
  sn_weight source_;
  memory::desc plain_;
  uint64_t version_ = SN_ALWAYS;
  std::vector<float> scale_;
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

  Device &device;
  std::shared_ptr<Packed> weight;
  std::vector<Step> steps;
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
