// A TorchScript module as a model.
#pragma once
#include <memory>
#include <string>

#include "agent/trainer/models/model.hpp"

namespace rsg::trainer {

/// Loads what torch.jit.save wrote to `file`, in train mode: parameters and buffers under their own names, moved to the
/// style's device and memory format. Parameters that need no gradient are among the buffers. Throws
/// std::invalid_argument, one line, for a module that cannot be trained: no forward method, traced in eval mode, no
/// parameter that needs a gradient, parameters that are not float32. Throws what LibTorch throws when the file holds no
/// module.
///
/// Its Forward takes a batch of any shape and returns logits [B, K], K >= 2. It throws std::invalid_argument when the
/// module returns anything else, and what LibTorch throws when the module raises. The first three steps are slow:
/// TorchScript looks on in the first, and compiles the forward pass in the second and the backward pass in the third.
std::unique_ptr<Model> LoadScript(const std::string& file, const TensorStyle& style);

}  // namespace rsg::trainer
