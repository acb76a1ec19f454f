#include "agent/trainer/training/flop_counter.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

namespace rsg::trainer {
namespace {

struct Tally {
  double flop = 0;
  bool inside = false;  // of an operator that is counted as a whole
};
// LibTorch's callbacks are plain functions.
thread_local Tally tally;

/// What is known of an operator before it runs: its operands are gone afterwards, its result is there only then.
struct Pending : at::ObserverContext {
  double flop = 0;             // independent of the result
  double flop_per_result = 0;  // for each number of the result
};

using Operands = c10::ArrayRef<const c10::IValue>;

double Count(const at::Tensor& tensor) { return static_cast<double>(tensor.numel()); }

/// Multiply-adds for each number of the output of a convolution; of a transposed one, for each of its input.
double KernelProducts(const at::Tensor& weight) { return Count(weight) / static_cast<double>(weight.size(0)); }

Pending Convolution(Operands operands) {
  const at::Tensor& weight = operands[1].toTensor();
  Pending pending;
  const bool transposed = operands[6].toBool();
  if (transposed) {
    pending.flop = 2 * Count(operands[0].toTensor()) * KernelProducts(weight);
  } else {
    pending.flop_per_result = 2 * KernelProducts(weight);
  }
  return pending;
}

Pending ConvolutionBackward(Operands operands) {
  const at::Tensor& weight = operands[2].toTensor();
  const bool transposed = operands[7].toBool();
  const double forward = 2 * Count(operands[transposed ? 1 : 0].toTensor()) * KernelProducts(weight);
  const auto asked = operands[10].toBoolList();  // gradients of input, weight, bias; the last is a mere sum
  Pending pending;
  pending.flop = forward * ((asked.get(0) ? 1 : 0) + (asked.get(1) ? 1 : 0));
  return pending;
}

/// Any product in which a number of the result is a sum over the last dimension of operand `first`.
template <std::size_t first>
Pending Product(Operands operands) {
  Pending pending;
  pending.flop_per_result = 2 * static_cast<double>(operands[first].toTensor().size(-1));
  return pending;
}

/// Queries against keys, then weights against values: each has as many columns as there are keys.
Pending Attention(Operands operands) {
  const double keys = static_cast<double>(operands[1].toTensor().size(-2));
  Pending pending;
  pending.flop = 2 * keys * Count(operands[0].toTensor());
  pending.flop_per_result = 2 * keys;
  return pending;
}

struct Operator {
  std::string_view name;
  Pending (*look)(Operands);
};
constexpr std::array kOperators{
    Operator{"aten::convolution", Convolution},
    Operator{"aten::_convolution", Convolution},  // what TorchScript's traces hold
    Operator{"aten::convolution_backward", ConvolutionBackward},
    Operator{"aten::linear", Product<0>},
    Operator{"aten::matmul", Product<0>},
    Operator{"aten::mm", Product<0>},
    Operator{"aten::bmm", Product<0>},
    Operator{"aten::mv", Product<0>},
    Operator{"aten::dot", Product<0>},
    Operator{"aten::addmm", Product<1>},
    Operator{"aten::baddbmm", Product<1>},
    Operator{"aten::addmv", Product<1>},
    Operator{"aten::scaled_dot_product_attention", Attention},
};

std::unique_ptr<at::ObserverContext> Begin(const at::RecordFunction& function) {
  if (tally.inside) return nullptr;
  const auto found = std::find_if(kOperators.begin(), kOperators.end(),
                                  [&](const Operator& each) { return each.name == function.name(); });
  if (found == kOperators.end()) return nullptr;
  tally.inside = true;
  return std::make_unique<Pending>(found->look(function.inputs()));
}

void End(const at::RecordFunction& function, at::ObserverContext* context) {
  if (context == nullptr) return;
  const auto& pending = static_cast<const Pending&>(*context);
  tally.inside = false;
  tally.flop += pending.flop;
  const auto& results = function.outputs();
  if (!results.empty() && results[0].isTensor()) tally.flop += pending.flop_per_result * Count(results[0].toTensor());
}

class Observer {
 public:
  Observer()
      : handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(Begin, End)
                                               .needsInputs(true)
                                               .needsOutputs(true)
                                               .scopes({at::RecordScope::FUNCTION}))) {}
  ~Observer() { at::removeCallback(handle_); }
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

 private:
  at::CallbackHandle handle_;
};

}  // namespace

double CountFlop(const std::function<void()>& work) {
  tally = {};
  const Observer observer;
  work();
  return tally.flop;
}

}  // namespace rsg::trainer
