#include "agent/trainer/precision.hpp"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/words.hpp"

namespace rsg::trainer {
namespace {

bool IsGpu(const DeviceIdentity& device) { return device.capability_major > 0; }
int Capability(const DeviceIdentity& device) { return device.capability_major * 10 + device.capability_minor; }
std::string Dotted(int capability) { return absl::StrCat(capability / 10, ".", capability % 10); }

// The oldest GPUs that PyPI's wheels hold machine code for, read with cuobjdump: torch 2.11.0 (CUDA 13.0) sm_75,
// 2.10.0 (12.8) sm_70, 2.7.1 (12.6) sm_50.
int OldestCapability(std::string_view cuda_version) {
  if (cuda_version.starts_with("13.")) return 75;
  if (cuda_version == "12.8" || cuda_version == "12.9") return 70;
  return 50;
}

constexpr int kAmpere = 80;  // the first with TF32 and with BF16 in hardware

}  // namespace

Numerics NumericsOf(v1::Precision precision) {
  // PyTorch's defaults, which autocast leaves in force: TF32 in convolutions, not in matrix products.
  Numerics numerics{.cudnn_tf32 = true, .matmul_tf32 = false};
  switch (precision) {
    case v1::PRECISION_FP32_STRICT:
      numerics.cudnn_tf32 = false;
      break;
    case v1::PRECISION_TF32:
      numerics.matmul_tf32 = true;
      break;
    case v1::PRECISION_FP16:
      numerics.autocast = Numerics::Autocast::kFloat16;
      numerics.grad_scaler = true;
      break;
    case v1::PRECISION_BF16:
      numerics.autocast = Numerics::Autocast::kBfloat16;
      break;
    default:
      break;
  }
  return numerics;
}

Numerics NumericsOf(const v1::Cell& cell) {
  Numerics numerics = NumericsOf(cell.precision());
  if (cell.mode() == v1::MODE_ORIGINAL) numerics.grad_scaler = false;
  return numerics;
}

Numerics PeakNumericsOf(v1::Precision precision) {
  Numerics numerics = NumericsOf(precision);
  numerics.matmul_tf32 = numerics.cudnn_tf32;
  return numerics;
}

bool HasTf32(const DeviceIdentity& device) { return Capability(device) >= kAmpere; }

bool MayUseWinograd(v1::Precision precision, const DeviceIdentity& device) {
  const Numerics numerics = NumericsOf(precision);
  if (numerics.autocast != Numerics::Autocast::kNone) return false;
  return !numerics.cudnn_tf32 || !HasTf32(device);
}

std::vector<v1::Precision> PrecisionsOf(const DeviceIdentity& device, std::string_view cuda_version) {
  // On a CPU both words for FP32 mean the same; autocast to FP16 has no fast kernels there.
  if (!IsGpu(device)) return {v1::PRECISION_FP32, v1::PRECISION_FP32_STRICT, v1::PRECISION_BF16};
  if (Capability(device) < OldestCapability(cuda_version)) return {};
  if (Capability(device) < kAmpere) return {v1::PRECISION_FP32, v1::PRECISION_FP32_STRICT, v1::PRECISION_FP16};
  return {v1::PRECISION_FP32, v1::PRECISION_FP32_STRICT, v1::PRECISION_TF32, v1::PRECISION_FP16, v1::PRECISION_BF16};
}

absl::Status CheckPrecision(v1::Precision precision, const DeviceIdentity& device, std::string_view cuda_version) {
  const auto there = PrecisionsOf(device, cuda_version);
  if (there.empty())
    return absl::UnimplementedError(absl::StrCat("device: ", device.name, " has compute capability ",
                                                 Dotted(Capability(device)), "; this LibTorch has machine code from ",
                                                 Dotted(OldestCapability(cuda_version)), " on, use an older stack"));
  if (std::find(there.begin(), there.end(), precision) != there.end()) return absl::OkStatus();
  const auto word = [](std::string* out, v1::Precision each) { out->append(Word(each)); };
  return absl::UnimplementedError(absl::StrCat("precision: ", Word(precision), " is not available on ", device.name,
                                               "; use one of ", absl::StrJoin(there, ", ", word)));
}

}  // namespace rsg::trainer
