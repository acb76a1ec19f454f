// One step of training, seen without LibTorch: the loop that measures it needs no more.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/trainer/device/queue_watch.hpp"
#include "agent/trainer/training/numerics.hpp"

namespace rsg::trainer {

/// What a step decided for itself, for the record.
struct StepFacts {
  std::string optimizer{};  ///< e.g. "sgd (fused)"
  std::string attention{};  ///< the kernels that its first pass took, as WatchAttention names them
  bool cuda_graph = false;  ///< the whole step is replayed from one graph
  std::string note{};       ///< why it could not have what its mode asks for; empty otherwise
};

/// Steps whose update a loss scaler left out because a gradient was not finite.
struct SkippedSteps {
  std::uint64_t at_least = 0;  ///< exact up to 2000 steps; afterwards the scale may have grown in between
  bool newest = false;         ///< the newest step is one of them
};

/// Not thread-safe. Every function may throw what LibTorch throws; see failure.hpp.
class TrainingStep {
 public:
  virtual ~TrainingStep() = default;
  /// Queues one whole step on the device: zero_grad, forward, loss, backward, optimiser. On a CPU it is done on return.
  virtual void Run() = 0;
  /// Mean cross-entropy of the newest step, before its update; NaN before the first. Waits for the device.
  virtual double Loss() = 0;
  /// None without a scaler. Waits for the device.
  virtual SkippedSteps Skipped() { return {}; }
  /// Trainable numbers of the model as built.
  virtual std::uint64_t ParameterCount() const = 0;

  /// Final after the first step.
  virtual StepFacts Facts() const { return {}; }
  /// Floating point operations of one sample's forward and backward pass, a multiply-add counting two: three times
  /// those of the convolutions and matrix products that the first step's forward pass called for (flop_counter.hpp). 0
  /// before.
  virtual double FlopPerSample() const { return 0; }
  /// What the steps since the last call asked of the device's queue: at the step's start, after forward and after
  /// backward (a step that is replayed whole: at its start). Nothing on a device without a queue, or in mode
  /// `original`.
  virtual QueueQueries TakeQueries() { return {}; }
};

/// What a step is made of. The model's name must be one of common/models.hpp and fit the image size, unless there is a
/// script.
struct StepOptions {
  std::string_view model{};
  std::uint32_t batch_size = 1;
  std::uint32_t image_size = 224;  ///< pixels, height = width
  bool channels_last = false;      ///< NHWC in memory, for the images and for every convolution's weights
  bool cudnn_benchmark = true;     ///< cuDNN tries its algorithms out in the first steps
  Numerics numerics{};
  std::uint64_t seed = 0;  ///< of weights and batch
  std::string script{};    ///< file of a TorchScript module that is trained in place of the model; empty: none
  std::vector<std::uint32_t> sample_shape{};  ///< of the script's samples, without the batch, in place of image_size
};

// All modes train the model as timm initialises it by SGD with learning rate 1e-5, weight decay 5e-5 and no momentum,
// on one random batch of normal images that stays on the device. Each of these functions sets LibTorch's global numeric
// flags and random seed: one step at a time in a process. The device must outlive the step.

// A script's weights are those of its file, its batch is normal numbers, and its first step throws
// std::invalid_argument, one line that names the remedy, when the module cannot be trained on them. Where labels are
// said to be in [0, 1000) or [0, 999) they are in [0, K) or [0, K - 1) for a script with K classes.

/// Mode `standard`: zero_grad, autocast forward, loss, scaler for FP16, backward, fused SGD. Labels in [0, 1000).
std::unique_ptr<TrainingStep> MakeStandardStep(Device& device, const StepOptions& options);

/// Mode `original`, the loop of the tool that RSG succeeds: each step first copies all parameters and buffers from a
/// copy on the CPU; no scaler whatever `numerics` says; SGD by the kernels that torch.optim.SGD picks on the device
/// (one parameter after the other on a CPU, foreach on a GPU). Labels in [0, 999).
std::unique_ptr<TrainingStep> MakeOriginalStep(Device& device, const StepOptions& options);

/// Mode `tuned`: as standard, by whichever of fused and foreach SGD is faster on this model and device, the whole step
/// replayed from one CUDA graph where there can be one. The first Run prepares all that: a few steps, a trial of the
/// optimisers, the recording. Its other part, channels_last, is the caller's to say.
std::unique_ptr<TrainingStep> MakeTunedStep(Device& device, const StepOptions& options);

}  // namespace rsg::trainer
