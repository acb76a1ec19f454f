// A cap on the memory of tensors on the CPU.
#pragma once
#include <cstdint>

namespace rsg::trainer {

/// From now on live CPU tensors may hold at most `mib` MiB together; an allocation beyond throws c10::OutOfMemoryError
/// with a text that names request, use and cap. Counted are tensors made after the first call, workspaces that LibTorch
/// asks for as tensors included; what oneDNN allocates for itself is not. A later call only moves the cap. The first
/// call must come before other threads allocate tensors; afterwards everything is thread-safe.
void CapTensorMemory(std::uint32_t mib);

}  // namespace rsg::trainer
