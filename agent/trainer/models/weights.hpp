// The named tensors of a model, in timm's spelling and order.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rsg::trainer {

/// How the tensors of a model are made.
struct TensorStyle {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
  bool channels_last = false;  ///< four-dimensional parameters lie in NHWC order
};

struct NamedTensor {
  std::string name;  ///< e.g. "layer1.0.conv1.weight"
  at::Tensor tensor;
  bool persistent = true;  ///< part of the state that is saved and loaded
};

/// Owns parameters and buffers in the order in which they were added. Tensors are handles: copies see the same values.
class Weights {
 public:
  explicit Weights(TensorStyle style) : style_(style) {}

  /// Takes the initial values (row-major, of any dtype) and returns the parameter that starts from them.
  at::Tensor AddParameter(std::string name, const at::Tensor& initial);
  at::Tensor AddBuffer(std::string name, const at::Tensor& initial);
  /// A buffer that never changes and is not part of the state. Integers keep their type.
  at::Tensor AddConstant(std::string name, const at::Tensor& value);
  /// Takes a tensor that somebody else made, and goes on using, as it is: on the device, in its final form.
  void AdoptParameter(std::string name, at::Tensor tensor);
  void AdoptBuffer(std::string name, at::Tensor tensor);
  /// A buffer that counts the batches seen, as batch norm keeps one (int64, starts at 0).
  void AddBatchCounter(std::string name);

  /// Adds 1 to every batch counter: once for each forward pass in train mode.
  void CountBatch();

  const std::vector<NamedTensor>& parameters() const { return parameters_; }
  const std::vector<NamedTensor>& buffers() const { return buffers_; }
  /// Numbers in all parameters together.
  std::uint64_t ParameterCount() const;
  /// Options for making a new tensor on the model's device: dtype as given by the style.
  at::TensorOptions options() const { return at::TensorOptions().device(style_.device).dtype(style_.dtype); }

 private:
  TensorStyle style_;
  std::vector<NamedTensor> parameters_;
  std::vector<NamedTensor> buffers_;
  std::vector<at::Tensor> batch_counters_;
};

/// A place in the tree of names, where a block adds its tensors: `scope / "layer1" / 0 / "conv1"`.
class Scope {
 public:
  explicit Scope(Weights* weights) : weights_(weights) {}
  Scope operator/(std::string_view name) const { return Scope(weights_, prefix_ + std::string(name) + "."); }
  Scope operator/(std::int64_t index) const { return *this / std::to_string(index); }

  at::Tensor Parameter(std::string_view name, const at::Tensor& initial) const;
  at::Tensor Buffer(std::string_view name, const at::Tensor& initial) const;
  at::Tensor Constant(std::string_view name, const at::Tensor& value) const;
  void BatchCounter(std::string_view name) const;
  at::TensorOptions options() const { return weights_->options(); }

 private:
  Scope(Weights* weights, std::string prefix) : weights_(weights), prefix_(std::move(prefix)) {}
  Weights* weights_;
  std::string prefix_;
};

}  // namespace rsg::trainer
