// Convolutions and their gradients. Features stay NHWC and weights take whatever layout oneDNN wants; where it has no fast
// kernel for that (groups of a few channels), groups are merged, or features are reordered to a layout that has one.
#include "grouped.h"
#include "winograd.h"

namespace sn {
namespace {

// Geometry is a convolution in oneDNN's terms.
struct Geometry {
  sn_conv_shape s;
  Dims x, y, w, strides, dilates, pad;
  explicit Geometry(const sn_conv_shape &s)
      : s(s),
        x{s.n, s.ci, s.h, s.w},
        y{s.n, s.co, s.oh, s.ow},
        w{s.co, s.ci, s.kh, s.kw},
        strides{s.stride, s.stride},
        dilates{s.dilation - 1, s.dilation - 1},
        pad{s.pad, s.pad} {
    if (s.groups > 1) w = {s.groups, s.co / s.groups, s.ci / s.groups, s.kh, s.kw};
  }
  Tag plain() const { return s.groups > 1 ? Tag::goihw : Tag::oihw; }
  // What padding on the right and below makes the output come out as it is.
  Dims pad_end() const {
    auto end = [&](int64_t in, int64_t out, int64_t k) { return (out - 1) * s.stride + (k - 1) * s.dilation + 1 - in - s.pad; };
    return {end(s.h, s.oh, s.kh), end(s.w, s.ow, s.kw)};
  }
};

memory::desc any(const Dims &dims, int type) { return {dims, type_of(type), Tag::any}; }
memory::desc nhwc(const Dims &dims, int type) { return {dims, type_of(type), Tag::nhwc}; }

using Forward = dnnl::convolution_forward;

Forward::primitive_desc describe_forward(Device &d, const Geometry &g, dnnl::prop_kind kind, const memory::desc &x,
                                         const memory::desc &w, const memory::desc &y, bool bias, const primitive_attr &attr) {
  auto direct = dnnl::algorithm::convolution_direct;
  if (bias)
    return describe<Forward>(d.engine, attr, kind, direct, x, w, memory::desc({g.s.co}, Type::f32, Tag::a), y, g.strides,
                             g.dilates, g.pad, g.pad_end());
  return describe<Forward>(d.engine, attr, kind, direct, x, w, y, g.strides, g.dilates, g.pad, g.pad_end());
}

// first_fast returns make(nhwc) unless only a slow implementation has that layout and make(any) finds a faster one.
template <class Make>
auto first_fast(Make make) -> decltype(make(nhwc)) {
  auto plain = make(nhwc);
  if (!slow(plain.impl_info_str())) return plain;
  try {
    auto other = make(any);
    if (!slow(other.impl_info_str())) return other;
  } catch (const dnnl::error &) {  // no other implementation: the slow one it is
  }
  return plain;
}

// direct tells implementations that convolve from those that multiply matrices of copies, which is slow for small groups.
bool direct(const std::string &impl) { return !slow(impl) && impl.find("gemm") == std::string::npos; }

class ConvForward : public Kernel {
 public:
  ConvForward(Device &d, const sn_conv &c) : Kernel(d) {
    Geometry g(c.shape);
    // oneDNN multiplies bfloat16 by bfloat16 or float32 by float32.
    int work = c.x_type == SN_BF16 || c.y_type == SN_BF16 ? SN_BF16 : SN_F32;
    dnnl::post_ops after;
    if (c.residual) after.append_sum(1.0f);
    if (c.activation == SN_RELU) append_eltwise(after, dnnl::algorithm::eltwise_relu, 0, 0);
    if (c.activation == SN_HARD_SWISH) append_eltwise(after, dnnl::algorithm::eltwise_hardswish, 1 / 6.0f, 0.5f);
    primitive_attr attr;
    attr.set_post_ops(after);
    sn_weight w = c.weight;
    bool biased = w.bias || w.beta;
    auto describe_as = [&](const Geometry &g, auto layout) {
      return describe_forward(d, g, dnnl::prop_kind::forward_inference, layout(g.x, work), any(g.w, work),
                              layout(g.y, c.y_type), biased, attr);
    };
    auto pd = first_fast([&](auto layout) { return describe_as(g, layout); });
    // oneDNN's direct kernels want groups of a vector's channels; else it multiplies matrices of a few columns. Twice or four
    // times the multiplications, with zeros, are faster by far.
    for (int64_t merge = 2; !direct(pd.impl_info_str()) && c.shape.ci / c.shape.groups * merge <= 16; merge *= 2) {
      if (c.shape.groups % merge) break;
      sn_conv_shape merged = c.shape;
      merged.groups /= merge;
      auto other = describe_as(Geometry(merged), nhwc);
      if (!direct(other.impl_info_str())) continue;
      pd = other;
      g = Geometry(merged);
      w.groups = c.shape.groups;
      w.merge = merge;
    }
    info = pd.impl_info_str();
    memory packed = weight_as(w, {g.w, Type::f32, g.plain()}, pd.weights_desc());

    memory x = in_layout(view(g.x, c.x_type, Tag::nhwc, c.x), pd.src_desc());
    memory y = view(g.y, c.y_type, Tag::nhwc, c.y);
    memory result = y.get_desc() == pd.dst_desc() ? y : buffer(pd.dst_desc());
    if (c.residual && result.get_data_handle() != c.residual)
      add_reorder(view(g.y, c.residual_type, Tag::nhwc, c.residual), result);
    std::unordered_map<int, memory> args{{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, result}};
    if (biased) args.emplace(DNNL_ARG_BIAS, weight->bias);
    add(Forward(pd), args);
    if (result.get_data_handle() != c.y) add_reorder(result, y);
  }

 private:
  // Version 2's hard swish has no parameters.
  static void append_eltwise(dnnl::post_ops &p, dnnl::algorithm f, float alpha, float beta) {
#if DNNL_VERSION_MAJOR >= 3
    p.append_eltwise(f, alpha, beta);
#else
    p.append_eltwise(1.0f, f, alpha, beta);
#endif
  }
};

// A 1x1 convolution's gradient by its input is a 1x1 convolution with the transposed weight. oneDNN's forward
// implementations do it up to twice as fast as its backward ones (2048 and 1024 channels).
class PointwiseBackwardInput : public Kernel {
 public:
  static bool fits(const sn_conv_shape &s) { return s.kh == 1 && s.kw == 1 && s.stride == 1 && s.pad == 0 && s.groups == 1; }

  PointwiseBackwardInput(Device &d, const sn_conv_grad_input &c) : Kernel(d) {
    sn_conv_shape s = c.shape;
    std::swap(s.ci, s.co);
    Geometry g(s);
    auto pd = describe_forward(d, g, dnnl::prop_kind::forward_inference, nhwc(g.x, c.type), any(g.w, c.type),
                               nhwc(g.y, c.type), false, {});
    info = pd.impl_info_str();
    memory packed = weight_as(c.weight, memory::desc(g.w, Type::f32, Dims{1, s.co, 1, 1}), pd.weights_desc());
    add(Forward(pd), {{DNNL_ARG_SRC, view(g.x, c.type, Tag::nhwc, c.dy)},
                      {DNNL_ARG_WEIGHTS, packed},
                      {DNNL_ARG_DST, view(g.y, c.type, Tag::nhwc, c.dx)}});
  }
};

class ConvBackwardInput : public Kernel {
 public:
  ConvBackwardInput(Device &d, const sn_conv_grad_input &c) : Kernel(d) {
    Geometry g(c.shape);
    using Backward = dnnl::convolution_backward_data;
    auto pd = first_fast([&](auto layout) {
      auto x = layout(g.x, c.type), y = layout(g.y, c.type), w = any(g.w, c.type);
      auto hint = describe_forward(d, g, dnnl::prop_kind::forward_training, x, w, y, false, {});
      return describe_backward<Backward>(d.engine, hint, dnnl::algorithm::convolution_direct, x, w, y, g.strides, g.dilates,
                                         g.pad, g.pad_end());
    });
    info = pd.impl_info_str();
    memory packed = weight_as(c.weight, {g.w, Type::f32, g.plain()}, pd.weights_desc());
    memory dy = in_layout(view(g.y, c.type, Tag::nhwc, c.dy), pd.diff_dst_desc()), dx = view(g.x, c.type, Tag::nhwc, c.dx);
    memory result = dx.get_desc() == pd.diff_src_desc() ? dx : buffer(pd.diff_src_desc());
    add(Backward(pd), {{DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DIFF_SRC, result}});
    if (result.get_data_handle() != c.dx) add_reorder(result, dx);
  }
};

class ConvBackwardWeight : public WeightGradient {
 public:
  ConvBackwardWeight(Device &d, const sn_conv_grad_weight &c) : WeightGradient(d, c) {
    Geometry g(c.shape);
    using Backward = dnnl::convolution_backward_weights;
    auto pd = first_fast([&](auto layout) {
      auto x = layout(g.x, c.type), y = layout(g.y, c.type);
      auto hint = describe_forward(d, g, dnnl::prop_kind::forward_training, x, any(g.w, c.type), y, false, {});
      return describe_backward<Backward>(d.engine, hint, dnnl::algorithm::convolution_direct, x, any(g.w, SN_F32), y,
                                         g.strides, g.dilates, g.pad, g.pad_end());
    });
    info = pd.impl_info_str();
    memory x = in_layout(view(g.x, c.type, Tag::nhwc, c.x), pd.src_desc()),
           dy = in_layout(view(g.y, c.type, Tag::nhwc, c.dy), pd.diff_dst_desc()), dw = view(g.w, SN_F32, g.plain(), c.dw);
    memory result = dw.get_desc() == pd.diff_weights_desc() ? dw : buffer(pd.diff_weights_desc());
    add(Backward(pd), {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_WEIGHTS, result}});
    if (result.get_data_handle() != c.dw) add_reorder(result, dw);
  }
};

}  // namespace
}  // namespace sn

sn_kernel *sn_conv_forward(sn_device *d, const sn_conv *c, char *error) {
  bool alike = c->x_type == c->y_type && (!c->residual || c->residual_type == c->x_type);
  if (alike && sn::winograd_tile(*c)) return sn::winograd_forward(*d, *c, error);
  if (alike && sn::grouped_fits(c->shape, c->x_type)) return sn::grouped_forward(*d, *c, error);
  return sn::make<sn::ConvForward>(error, *d, *c);
}

sn_kernel *sn_conv_backward_input(sn_device *d, const sn_conv_grad_input *c, char *error) {
  if (sn::PointwiseBackwardInput::fits(c->shape)) return sn::make<sn::PointwiseBackwardInput>(error, *d, *c);
  if (sn::winograd_input_gradient_tile(c->shape, c->type)) return sn::winograd_backward_input(*d, *c, error);
  return sn::make<sn::ConvBackwardInput>(error, *d, *c);
}

sn_kernel *sn_conv_backward_weight(sn_device *d, const sn_conv_grad_weight *c, char *error) {
  if (sn::winograd_gradient_tile(c->shape, c->type)) return sn::winograd_backward_weight(*d, *c, error);
  return sn::make<sn::ConvBackwardWeight>(error, *d, *c);
}

int sn_device_bfloat16(sn_device *d) {
  char error[SN_ERROR];
  return sn::guarded(error, [&] {
    sn::Geometry g({1, 4, 4, 16, 4, 4, 16, 1, 1, 1, 0, 1, 1});
    sn::describe_forward(*d, g, dnnl::prop_kind::forward_inference, sn::nhwc(g.x, SN_BF16), sn::any(g.w, SN_BF16),
                         sn::nhwc(g.y, SN_BF16), false, {});
  });
}
