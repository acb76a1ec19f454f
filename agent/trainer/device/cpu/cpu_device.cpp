#include "agent/trainer/device/cpu/cpu_device.hpp"

#include <ATen/Parallel.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "agent/trainer/device/cpu/capped_allocator.hpp"
#include "agent/trainer/device/cpu/cpu_facts.hpp"
#include "common/memory.hpp"

namespace rsg::trainer {
namespace {

using SteadyClock = std::chrono::steady_clock;

class CpuMark final : public Mark {
 public:
  void Wait() override {}
  double SecondsSince(Mark& earlier) override {
    return std::chrono::duration<double>(time_ - static_cast<CpuMark&>(earlier).time_).count();
  }

 private:
  const SteadyClock::time_point time_ = SteadyClock::now();
};

class CpuDevice final : public Device {
 public:
  CpuDevice() : identity_{.name = CpuName(), .memory_mib = MemoryMib("/")} { CapTensorMemory(AvailableMemoryMib("/")); }

  const std::string& torch_name() const override { return torch_name_; }
  const DeviceIdentity& identity() const override { return identity_; }
  std::unique_ptr<Mark> MakeMark() override { return std::make_unique<CpuMark>(); }
  std::size_t QueueAhead() const override { return 0; }
  Recording Record(const std::function<void()>& prepare, const std::function<void()>&) override {
    prepare();
    return {.graph = nullptr, .why_not = "a CPU has none"};
  }
  void LimitMemory(std::uint32_t mib) override { CapTensorMemory(std::min(mib, AvailableMemoryMib("/"))); }

  std::uint32_t PeakMemoryMib() override {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::uint32_t>(usage.ru_maxrss / 1024);  // Linux counts KiB
  }

  std::uint32_t HostThreads() const override { return static_cast<std::uint32_t>(at::get_num_threads()); }
  std::string CudnnVersion() const override { return ""; }

 private:
  const std::string torch_name_ = "cpu";
  const DeviceIdentity identity_;
};

}  // namespace

std::unique_ptr<Device> OpenCpu() { return std::make_unique<CpuDevice>(); }

}  // namespace rsg::trainer
