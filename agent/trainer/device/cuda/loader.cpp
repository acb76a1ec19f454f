#include "agent/trainer/device/cuda/loader.hpp"

#include <dlfcn.h>

#include <filesystem>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/version.hpp"

namespace rsg::trainer {
namespace {

constexpr char kRemedy[] =
    "; the GPU cannot be used until LibTorch's full set is there (./deploy/setup --cuda) and the trainer is built with "
    "its CUDA plugin";

std::string WhyNot() {
  const char* error = dlerror();
  return error != nullptr ? error : "no reason given";
}

std::string BesideThisProgram(std::string_view name) {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return (program.parent_path() / name).string();
}

absl::StatusOr<const CudaPlugin*> Load() {
  // Nothing is ever closed: CUDA does not survive it.
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL) == nullptr) return absl::NotFoundError("no NVIDIA driver here");
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr)
    return absl::FailedPreconditionError(absl::StrCat("LibTorch's CUDA side does not load: ", WhyNot(), kRemedy));
  const std::string path = BesideThisProgram("librsg-trainer-cuda.so");
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    return absl::FailedPreconditionError(absl::StrCat("the CUDA plugin does not load: ", WhyNot(), kRemedy));
  auto* function = reinterpret_cast<CudaPluginFunction*>(dlsym(library, kCudaPluginSymbol));
  if (function == nullptr)
    return absl::FailedPreconditionError(absl::StrCat(path, " is no plugin of rsg-trainer", kRemedy));
  const CudaPlugin* plugin = function();
  if (std::string_view(plugin->version) != kVersion)
    return absl::FailedPreconditionError(absl::StrCat(path, " is of version ", plugin->version, ", rsg-trainer of ",
                                                      kVersion, "; install both from one build"));
  return plugin;
}

}  // namespace

absl::StatusOr<const CudaPlugin*> LoadCudaPlugin() {
  static const absl::StatusOr<const CudaPlugin*> plugin = Load();
  return plugin;
}

}  // namespace rsg::trainer
