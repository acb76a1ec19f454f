// One training step of a model in float64 on the CPU, from weights and images that any language can make again
// (fill.hpp): what it computes can be compared with another implementation digit by digit.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rsg::trainer {

/// What to check. The model's name must be one of common/models.hpp and fit image size and batch size.
struct CheckRequest {
  std::string_view model;
  std::uint32_t batch_size = 2;
  std::uint32_t image_size = 224;  ///< pixels, height = width; models that depend on it are built for it
  std::uint64_t seed = 0;          ///< of the fill
  bool channels_last = false;      ///< memory format; the figures stay the same within rounding
};

struct CheckedParameter {
  std::string name;    ///< timm's
  double grad_l2 = 0;  ///< L2 norm of its gradient
  double step_l2 = 0;  ///< its own L2 norm after the step
};

struct CheckedBuffer {
  std::string name;
  double l2 = 0;  ///< after the forward pass
};

/// Figures of one step; a network that overflows gives numbers that are not finite.
struct CheckFigures {
  double loss = 0;  ///< mean cross-entropy
  double logits_l2 = 0;
  std::vector<double> logits_head;           ///< the first 8 of sample 0
  std::vector<CheckedParameter> parameters;  ///< in timm's order
  std::vector<CheckedBuffer> buffers;
  std::uint64_t parameter_count = 0;  ///< numbers in all parameters together
};

/// Builds the model in train mode without dropout and drop-path; fills parameters (of two or more dimensions uniform
/// with variance 1 / fan in, scales around 1, everything else around 0), images and labels; forward, backward, one step
/// of SGD with learning rate 0.01 and weight decay 5e-5. Throws what LibTorch throws (training/failure.hpp).
CheckFigures RunCheck(const CheckRequest& request);

/// The figures as one line of JSON: model, batch, size, seed, parameters, tensors, names, loss, logits_l2, logits_head,
/// grad_l2 and step_l2 by name. Numbers have all their digits; one that is not finite is null.
std::string CheckJson(const CheckRequest& request, const CheckFigures& figures);

}  // namespace rsg::trainer
