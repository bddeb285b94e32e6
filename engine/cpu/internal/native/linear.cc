// Linear layers: products of our own, or oneDNN's 1x1 convolution. Their gradients: oneDNN's inner product.
#include "onednn.h"

namespace sn {
namespace {

memory::desc rows(int64_t n, int64_t c, int type) { return {{n, c}, type_of(type), Tag::nc}; }

using Forward = dnnl::inner_product_forward;

Forward::primitive_desc training(Device &d, int64_t n, int64_t ci, int64_t co, int type) {
  return describe<Forward>(d.engine, {}, dnnl::prop_kind::forward_training, rows(n, ci, type),
                           memory::desc({co, ci}, type_of(type), Tag::any), rows(n, co, type));
}

class LinearBackwardInput : public Kernel {
 public:
  LinearBackwardInput(Device &d, const sn_linear &l) : Kernel(d) {
    using Backward = dnnl::inner_product_backward_data;
    const sn_weight &w = l.weight;
    auto pd = describe_backward<Backward>(d.engine, training(d, l.n, w.ci, w.co, l.x_type), rows(l.n, w.ci, l.y_type),
                                          memory::desc({w.co, w.ci}, type_of(l.x_type), Tag::any), rows(l.n, w.co, l.x_type));
    info = pd.impl_info_str();
    memory packed = weight_as(w, {{w.co, w.ci}, Type::f32, Tag::oi}, pd.weights_desc());
    add(Backward(pd), {{DNNL_ARG_DIFF_DST, view({l.n, w.co}, l.x_type, Tag::nc, l.x)},
                       {DNNL_ARG_WEIGHTS, packed},
                       {DNNL_ARG_DIFF_SRC, view({l.n, w.ci}, l.y_type, Tag::nc, l.y)}});
  }
};

class LinearBackwardWeight : public Kernel {
 public:
  LinearBackwardWeight(Device &d, int64_t n, int64_t ci, int64_t co, int type, const void *x, const void *dy, float *dw)
      : Kernel(d) {
    using Backward = dnnl::inner_product_backward_weights;
    auto pd = describe_backward<Backward>(d.engine, training(d, n, ci, co, type), rows(n, ci, type),
                                          memory::desc({co, ci}, Type::f32, Tag::any), rows(n, co, type));
    info = pd.impl_info_str();
    memory to = view({co, ci}, SN_F32, Tag::oi, dw);
    memory result = to.get_desc() == pd.diff_weights_desc() ? to : buffer(pd.diff_weights_desc());
    add(Backward(pd), {{DNNL_ARG_SRC, view({n, ci}, type, Tag::nc, x)},
                       {DNNL_ARG_DIFF_DST, view({n, co}, type, Tag::nc, dy)},
                       {DNNL_ARG_DIFF_WEIGHTS, result}});
    if (result.get_data_handle() != dw) add_reorder(result, to);
  }
};

// ProductWeight is a weight in panels.
class ProductWeight : public Packed {
 public:
  ProductWeight(Device &d, const sn_weight &w) : Packed(d, w), weight(sn_linear_weight_size(w.co, w.ci)) {}
  bool holds(const sn_weight &w) const { return same(w); }

  Floats weight;

 private:
  void arrange(const float *plain) override { sn_linear_weights(plain, source_.co, source_.ci, weight.data()); }
};

class Product : public Kernel {
 public:
  Product(Device &d, const sn_linear &l) : Kernel(d) {
    info = "products";
    auto packed = d.pack<ProductWeight>(l.weight);
    weight = packed;
    l_ = {l.n, l.weight.ci, l.weight.co, static_cast<const float *>(l.x), packed->weight.data(),
          static_cast<const float *>(packed->bias.get_data_handle()), static_cast<float *>(l.y)};
  }

  void run(uint64_t version) override {
    Kernel::run(version);
    sn_linear_run(&l_);
  }

 private:
  sn_linear_product l_;
};

// products says that products of our own are faster than oneDNN's 1x1 convolution: with 12,544 inputs, on AVX-512, they take 0.95 of its time for
// 150 rows on two threads and 0.98 for 1,000, with AVX2 1.02. A row's result must not depend on the number of rows, so that has no say.
bool products(const sn_linear &l) {
  return l.x_type == SN_F32 && l.y_type == SN_F32 && l.weight.ci >= 4096 && has(dnnl_cpu_isa_avx512_core);
}

}  // namespace
}  // namespace sn

// Rows are the pixels of one image: oneDNN's 1x1 convolution takes 0.5 to 0.95 of its inner product's time (AVX2), and a row's result does
// not depend on the number of rows.
sn_kernel *sn_linear_forward(sn_device *d, const sn_linear *l, char *error) {
  if (sn::products(*l)) return sn::make<sn::Product>(error, *d, *l);
  sn_conv c{};
  c.shape = {1, l->n, 1, l->weight.ci, l->n, 1, l->weight.co, 1, 1, 1, 0, 1, 1};
  c.weight = l->weight, c.images = 1;
  c.x_type = l->x_type, c.y_type = l->y_type, c.x = l->x, c.y = l->y;
  return sn_conv_forward(d, &c, error);
}

sn_kernel *sn_linear_backward_input(sn_device *d, const sn_linear *l, char *error) {
  return sn::make<sn::LinearBackwardInput>(error, *d, *l);
}

sn_kernel *sn_linear_backward_weight(sn_device *d, int64_t n, int64_t ci, int64_t co, int type, const void *x, const void *dy,
                                     float *dw, char *error) {
  return sn::make<sn::LinearBackwardWeight>(error, *d, n, ci, co, type, x, dy, dw);
}
