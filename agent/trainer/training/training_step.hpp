// One step of training, seen without LibTorch: the loop that measures it needs no more.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

#include "agent/trainer/training/numerics.hpp"

namespace rsg::trainer {

class Device;

/// Not thread-safe. Every function may throw what LibTorch throws; see failure.hpp.
class TrainingStep {
 public:
  virtual ~TrainingStep() = default;
  /// Queues one whole step on the device: zero_grad, forward, loss, backward, optimiser. On a CPU it is done on return.
  virtual void Run() = 0;
  /// Mean cross-entropy of the newest step, before its update; NaN before the first. Waits for the device.
  virtual double Loss() = 0;
  /// Trainable numbers of the model as built.
  virtual std::uint64_t ParameterCount() const = 0;
};

/// What MakeStandardStep builds. The model's name must be one of common/models.hpp and fit the image size.
struct StepOptions {
  std::string_view model;
  std::uint32_t batch_size = 1;
  std::uint32_t image_size = 224;  ///< pixels, height = width
  bool channels_last = false;      ///< NHWC in memory, for the images and for every convolution's weights
  bool cudnn_benchmark = true;     ///< cuDNN tries its algorithms out in the first steps
  Numerics numerics{};
  std::uint64_t seed = 0;  ///< of weights and batch
};

/// The standard loop's step (mode `standard`): the model as timm initialises it, SGD with learning rate 1e-5, weight
/// decay 5e-5 and no momentum, one random batch (normal images, labels uniform in [0, 1000)) that stays on the device.
/// Sets LibTorch's global numeric flags and random seed: one step at a time in a process.
std::unique_ptr<TrainingStep> MakeStandardStep(const Device& device, const StepOptions& options);

/// Name of the optimiser that MakeStandardStep uses, for the record.
inline constexpr char kOptimizerName[] = "sgd (fused)";

}  // namespace rsg::trainer
