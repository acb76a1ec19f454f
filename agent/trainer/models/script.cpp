#include "agent/trainer/models/script.hpp"

#include <c10/core/GradMode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/serialization/import.h>

#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace rsg::trainer {
namespace {

[[noreturn]] void Refuse(const std::string& what) { throw std::invalid_argument("script: " + what); }

// "a tensor of shape [8, 10] and type Half", "a value of type Tuple[Tensor, Tensor]".
std::string Describe(const c10::IValue& value) {
  std::ostringstream text;
  if (value.isTensor() && value.toTensor().defined()) {
    text << "a tensor of shape " << value.toTensor().sizes() << " and type " << value.toTensor().scalar_type();
  } else {
    constexpr std::size_t kMaxBytes = 128;
    text << "a value of type " << value.type()->annotation_str().substr(0, kMaxBytes);
  }
  return text.str();
}

// Batch norms and dropouts of a module's code, by what they are told of train mode.
struct Switches {
  int off = 0;     // a constant no
  int others = 0;  // a constant yes, or what the module's own flag says
};

void Look(torch::jit::Block* block, Switches* switches) {
  for (torch::jit::Node* node : block->nodes()) {
    for (torch::jit::Block* inner : node->blocks()) Look(inner, switches);
    const bool norm = node->kind() == c10::aten::batch_norm;
    if (!norm && node->kind() != c10::aten::dropout) continue;
    const auto train = torch::jit::toIValue(node->input(norm ? 5 : 2));
    train && train->isBool() && !train->toBool() ? ++switches->off : ++switches->others;
  }
}

// A trace keeps the mode it was made in, whatever is said to the module afterwards.
bool TracedInEvalMode(const torch::jit::Module& module) {
  Switches switches;
  for (const torch::jit::Module& each : module.modules())
    for (const torch::jit::Method& method : each.get_methods()) Look(method.graph()->block(), &switches);
  return switches.off > 0 && switches.others == 0;
}

class ScriptModel final : public Model {
 public:
  ScriptModel(torch::jit::Module module, const TensorStyle& style) : Model(style), module_(std::move(module)) {
    if (!module_.find_method("forward")) Refuse("the module has no method forward; export one that has");
    if (TracedInEvalMode(module_))
      Refuse("the module was traced in eval mode, without batch statistics or dropout; call train() on it, then trace");
    module_.train();
    std::set<const c10::TensorImpl*> seen;  // a module that stands in two places is listed twice
    for (const auto& [name, tensor] : module_.named_parameters())
      if (seen.insert(tensor.unsafeGetTensorImpl()).second) Take(name, tensor, style.channels_last);
    if (weights().parameters().empty())
      Refuse("the module has no trainable parameters; export it in train mode, not frozen");
    for (const auto& [name, tensor] : module_.named_buffers())
      if (tensor.defined() && seen.insert(tensor.unsafeGetTensorImpl()).second) AdoptBuffer(name, tensor);
  }

 private:
  void Take(const std::string& name, const at::Tensor& tensor, bool channels_last) {
    if (tensor.scalar_type() != at::kFloat)
      Refuse("parameter " + name + " is " + c10::toString(tensor.scalar_type()) +
             ", not Float; export the module in float32, --precision casts it");
    if (channels_last && tensor.dim() == 4) {
      // In its place, for the module keeps this very tensor. to(), as in Weights::AddParameter.
      const c10::NoGradGuard no_grad;
      tensor.set_data(
          tensor.to(tensor.options(), /*non_blocking=*/false, /*copy=*/false, at::MemoryFormat::ChannelsLast));
    }
    tensor.requires_grad() ? AdoptParameter(name, tensor) : AdoptBuffer(name, tensor);
  }

  at::Tensor Compute(const at::Tensor& batch) const override {
    const c10::IValue result = module_.get_method("forward")({batch});
    const bool logits = result.isTensor() && result.toTensor().defined() && result.toTensor().is_floating_point() &&
                        result.toTensor().dim() == 2 && result.toTensor().size(0) == batch.size(0);
    if (!logits)
      Refuse("the module returns " + Describe(result) + "; export one that returns logits [" +
             std::to_string(batch.size(0)) + ", classes] alone");
    const at::Tensor& tensor = result.toTensor();
    if (tensor.size(1) < 2) Refuse("the module returns logits of one class; export one that tells 2 or more apart");
    if (!tensor.requires_grad())
      Refuse("the logits depend on no trainable parameter; export the module without torch.no_grad");
    return tensor;
  }

  torch::jit::Module module_;
};

}  // namespace

std::unique_ptr<Model> LoadScript(const std::string& file, const TensorStyle& style) {
  return std::make_unique<ScriptModel>(torch::jit::load(file, style.device), style);
}

}  // namespace rsg::trainer
