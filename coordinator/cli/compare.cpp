#include "coordinator/cli/compare.hpp"

#include <fmt/format.h>

namespace rsg::cli {
namespace {

constexpr std::size_t kMostNamed = 4;

std::string NameOf(const v1::Stack& stack) {
  std::string name = "LibTorch " + stack.torch_version();
  if (!stack.cuda_version().empty()) name += ", CUDA " + stack.cuda_version();
  if (!stack.cudnn_version().empty()) name += ", cuDNN " + stack.cudnn_version();
  return name;
}

}  // namespace

void StackComparison::Add(const v1::Result& result) {
  if (result.keys().stack().empty()) return;
  Of& stack = stacks_[result.keys().stack()];
  if (stack.rows++ == 0) stack.name = NameOf(result.stack());
}

std::string StackComparison::Note() const {
  if (stacks_.size() < 2) return "";
  std::string named;
  std::size_t count = 0;
  for (const auto& [key, stack] : stacks_) {
    if (++count > kMostNamed) break;
    named +=
        fmt::format("{}{} ({} row{})", named.empty() ? "" : "; ", stack.name, stack.rows, stack.rows == 1 ? "" : "s");
  }
  if (stacks_.size() > kMostNamed) named += "; ...";
  return fmt::format(
      "these rows come from {} stacks: {}. A difference between them may be the libraries' and not the machines'",
      stacks_.size(), named);
}

}  // namespace rsg::cli
