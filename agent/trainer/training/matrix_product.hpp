// A plain matrix product, to find out what a device can reach.
#pragma once
#include <cstdint>
#include <memory>

#include "agent/trainer/training/numerics.hpp"

namespace rsg::trainer {

class Device;

/// Not thread-safe. Functions may throw what LibTorch throws; see failure.hpp.
class MatrixProduct {
 public:
  virtual ~MatrixProduct() = default;
  /// Queues one product: 2 n^3 floating point operations. On a CPU it is done on return.
  virtual void Run() = 0;
};

/// Two random n x n matrices in the type that `numerics` multiplies in: FP16 or BF16 under autocast, else FP32 with
/// TF32 where matmul_tf32 allows it. Sets LibTorch's global flag for that.
std::unique_ptr<MatrixProduct> MakeMatrixProduct(const Device& device, const Numerics& numerics, std::int64_t n);

}  // namespace rsg::trainer
