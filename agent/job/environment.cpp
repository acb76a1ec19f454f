#include "agent/job/environment.hpp"

#include <algorithm>
#include <string_view>

#include "common/overrides.hpp"

namespace rsg::agent {
namespace {

constexpr std::string_view kNames[] = {"PATH",          "HOME",     "TMPDIR",     "LANG",        "LD_LIBRARY_PATH",
                                       "RSG_TORCH_DIR", "RSG_NVML", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX"};
constexpr std::string_view kPrefixes[] = {"LC_", "OMP_", "MKL_", "KMP_", "GOMP_", "CUDA_", "NVIDIA_"};

bool Contains(const auto& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool Allowed(std::string_view name) {
  if (Contains(kOverrides, name)) return false;
  return Contains(kNames, name) ||
         std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [&](std::string_view prefix) { return name.substr(0, prefix.size()) == prefix; });
}

}  // namespace

std::vector<std::string> ChildEnvironment(const char* const* environment) {
  std::vector<std::string> kept;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry(*environment);
    if (Allowed(entry.substr(0, entry.find('=')))) kept.emplace_back(entry);
  }
  return kept;
}

}  // namespace rsg::agent
