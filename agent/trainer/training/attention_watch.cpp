#include "agent/trainer/training/attention_watch.hpp"

#include <ATen/record_function.h>

#include <array>
#include <bitset>
#include <memory>
#include <string_view>

namespace rsg::trainer {
namespace {

struct Kernel {
  std::string_view name;
  std::array<std::string_view, 2> operators;  // that scaled_dot_product_attention hands its operands to
};
constexpr std::array kKernels{
    Kernel{"math", {"aten::_scaled_dot_product_attention_math"}},
    Kernel{"flash", {"aten::_scaled_dot_product_flash_attention", "aten::_scaled_dot_product_flash_attention_for_cpu"}},
    Kernel{"efficient", {"aten::_scaled_dot_product_efficient_attention"}},
    Kernel{"cudnn", {"aten::_scaled_dot_product_cudnn_attention"}},
};
// LibTorch's callbacks are plain functions.
thread_local std::bitset<kKernels.size()> seen;

std::unique_ptr<at::ObserverContext> Look(const at::RecordFunction& function) {
  for (std::size_t i = 0; i < kKernels.size(); ++i)
    for (const std::string_view name : kKernels[i].operators)
      if (!name.empty() && name == function.name()) seen.set(i);
  return nullptr;
}

class Observer {
 public:
  Observer()
      : handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(Look).scopes({at::RecordScope::FUNCTION}))) {}
  ~Observer() { at::removeCallback(handle_); }
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

 private:
  at::CallbackHandle handle_;
};

}  // namespace

std::string WatchAttention(const std::function<void()>& work) {
  seen.reset();
  const Observer observer;
  work();
  std::string names;
  for (std::size_t i = 0; i < kKernels.size(); ++i)
    if (seen[i]) names.append(names.empty() ? "" : "+").append(kKernels[i].name);
  return names;
}

}  // namespace rsg::trainer
