// How a training step computes, as LibTorch takes it. Which precision means what is decided in precision.cpp.
#pragma once

namespace rsg::trainer {

struct Numerics {
  enum class Autocast { kNone, kFloat16, kBfloat16 };

  bool cudnn_tf32 = false;   ///< TF32 in cuDNN's convolutions; without effect on a CPU
  bool matmul_tf32 = false;  ///< TF32 in cuBLAS's matrix products; without effect on a CPU
  Autocast autocast = Autocast::kNone;
  bool grad_scaler = false;  ///< scales the loss so that small gradients survive FP16
};

}  // namespace rsg::trainer
