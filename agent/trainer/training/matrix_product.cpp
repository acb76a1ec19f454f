#include "agent/trainer/training/matrix_product.hpp"

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>

#include "agent/trainer/device/device.hpp"

namespace rsg::trainer {
namespace {

at::ScalarType TypeOf(const Numerics& numerics) {
  switch (numerics.autocast) {
    case Numerics::Autocast::kFloat16:
      return at::kHalf;
    case Numerics::Autocast::kBfloat16:
      return at::kBFloat16;
    case Numerics::Autocast::kNone:
      break;
  }
  return at::kFloat;
}

class Product final : public MatrixProduct {
 public:
  Product(at::Device device, at::ScalarType type, std::int64_t n)
      : a_(at::randn({n, n}, at::TensorOptions().device(device)).to(type)),
        b_(at::randn({n, n}, at::TensorOptions().device(device)).to(type)),
        c_(at::empty_like(a_)) {}
  void Run() override { at::mm_out(c_, a_, b_); }

 private:
  at::Tensor a_;
  at::Tensor b_;
  at::Tensor c_;
};

}  // namespace

std::unique_ptr<MatrixProduct> MakeMatrixProduct(const Device& device, const Numerics& numerics, std::int64_t n) {
  at::globalContext().setAllowTF32CuBLAS(numerics.matmul_tf32);
  return std::make_unique<Product>(at::Device(device.torch_name()), TypeOf(numerics), n);
}

}  // namespace rsg::trainer
