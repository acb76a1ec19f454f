// Writes TorchScript files for tests, without Python. Keeps TorchScript's headers, which take long to compile, away.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace rsg::trainer {

/// A module: its code in TorchScript's Python, and its tensors by name, of normal numbers times 0.1.
struct ScriptSource {
  using Tensors = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;
  std::string code;
  Tensors parameters{};
  Tensors frozen{};   ///< parameters that need no gradient
  Tensors buffers{};  ///< that start at 0
  bool in_float64 = false;
};

/// What torch.jit.save writes, in eval mode.
void SaveScript(const ScriptSource& source, const std::string& file);

/// Two convolutions, one of them 1x1, with batch norm and five classes: 216 + 16 + 128 + 80 parameters. Images of any
/// size.
ScriptSource SmallConvNet();

}  // namespace rsg::trainer
