// An image classifier in train mode.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <string_view>
#include <vector>

#include "agent/trainer/models/weights.hpp"

namespace rsg::trainer {

/// Classes of ImageNet-1k, which every model here tells apart.
inline constexpr std::int64_t kClasses = 1000;

/// What a model is built for.
struct ModelOptions {
  TensorStyle style;
  std::int64_t image_size = 224;  ///< side of the images that it will see; some structures depend on it
  bool regularise = true;         ///< dropout and drop-path as timm trains the model; false: none
};

/// Not thread-safe: a forward pass updates running statistics.
class Model {
 public:
  explicit Model(TensorStyle style) : weights_(style) {}
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  /// Logits [B, 1000] of images [B, 3, S, S]; a script's (script.hpp) may have other shapes.
  at::Tensor Forward(const at::Tensor& images) {
    weights_.CountBatch();
    return Compute(images);
  }
  const Weights& weights() const { return weights_; }

 protected:
  virtual at::Tensor Compute(const at::Tensor& images) const = 0;
  Scope Root() { return Scope(&weights_); }
  void AdoptParameter(std::string name, at::Tensor tensor) { weights_.AdoptParameter(std::move(name), tensor); }
  void AdoptBuffer(std::string name, at::Tensor tensor) { weights_.AdoptBuffer(std::move(name), tensor); }

 private:
  Weights weights_;
};

/// Builds one of common/models.hpp's models, drawing its initial weights from LibTorch's global generator.
/// nullptr for an unknown name.
std::unique_ptr<Model> BuildModel(std::string_view name, const ModelOptions& options);

}  // namespace rsg::trainer
