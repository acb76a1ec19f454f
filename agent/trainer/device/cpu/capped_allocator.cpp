#include "agent/trainer/device/cpu/capped_allocator.hpp"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>
#include <malloc.h>

#include <atomic>

namespace rsg::trainer {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// Only counters: no other memory is published through them, so relaxed order is enough.
std::atomic<std::size_t> cap{0};
std::atomic<std::size_t> in_use{0};

// A deleter gets the pointer alone, so sizes are asked of malloc, on both ways.
void Free(void* data) {
  in_use.fetch_sub(malloc_usable_size(data), std::memory_order_relaxed);
  c10::free_cpu(data);
}

class CappedAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    const std::size_t used = in_use.load(std::memory_order_relaxed);
    const std::size_t most = cap.load(std::memory_order_relaxed);
    TORCH_CHECK_WITH(OutOfMemoryError, bytes <= most && used <= most - bytes, "out of memory: a tensor of ",
                     bytes / kMiB, " MiB does not fit beside ", used / kMiB, " MiB of others under the cap of ",
                     most / kMiB, " MiB");
    void* data = c10::alloc_cpu(bytes);
    if (data != nullptr) in_use.fetch_add(malloc_usable_size(data), std::memory_order_relaxed);
    return {data, data, &Free, at::Device(at::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
};

}  // namespace

void CapTensorMemory(std::uint32_t mib) {
  cap.store(mib * kMiB, std::memory_order_relaxed);
  static CappedAllocator allocator;
  static const bool installed = (c10::SetCPUAllocator(&allocator, /*priority=*/1), true);
  (void)installed;
}

}  // namespace rsg::trainer
