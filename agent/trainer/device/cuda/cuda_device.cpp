// librsg-trainer-cuda.so: NVIDIA GPUs by LibTorch's CUDA side. Time is taken by events in the stream that trains.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/core/Event.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "agent/trainer/device/cuda/plugin.hpp"
#include "common/version.hpp"

namespace rsg::trainer {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

class CudaMark final : public Mark {
 public:
  explicit CudaMark(const c10::Stream& stream) { event_.record(stream); }
  void Wait() override { event_.synchronize(); }
  double SecondsSince(Mark& earlier) override {
    constexpr double kMilliseconds = 1e-3;
    earlier.Wait();
    Wait();
    return static_cast<CudaMark&>(earlier).event_.elapsedTime(event_) * kMilliseconds;
  }

 private:
  c10::Event event_{c10::DeviceType::CUDA, c10::EventFlag::BACKEND_DEFAULT};  // with timing
};

class CudaGraph final : public Graph {
 public:
  void Replay() override { graph_.replay(); }
  at::cuda::CUDAGraph& native() { return graph_; }

 private:
  at::cuda::CUDAGraph graph_;
};

std::string FirstLine(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

// A capture that was invalidated leaves the random generator in it, and the next dropout outside fails. Nothing takes
// it out again, so it gets a state that was never in one.
void FreeRandomGenerator(c10::DeviceIndex device) {
  at::Generator random = at::cuda::detail::getDefaultCUDAGenerator(device);
  const std::lock_guard lock(random.mutex());
  at::Generator fresh = at::cuda::detail::createCUDAGenerator(device);
  fresh.set_current_seed(random.current_seed());
  random.graphsafe_set_state(fresh);
}

// Ends a capture that failed half-way, and makes its memory free again. Each of these may already have been done by
// LibTorch, and what went wrong is known: so nothing here is an error.
void AbandonCapture(const c10::cuda::CUDAStream& stream, c10::MempoolId_t pool) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  if (cudaStreamIsCapturing(stream, &status) == cudaSuccess && status != cudaStreamCaptureStatusNone) {
    cudaGraph_t broken = nullptr;
    if (cudaStreamEndCapture(stream, &broken) == cudaSuccess && broken != nullptr) cudaGraphDestroy(broken);
  }
  (void)cudaGetLastError();
  try {
    FreeRandomGenerator(stream.device_index());
    c10::cuda::CUDACachingAllocator::endAllocateToPool(stream.device_index(), pool);
    c10::cuda::CUDACachingAllocator::releasePool(stream.device_index(), pool);
  } catch (const c10::Error&) {
  }
}

// Throws what `work` or the capture throws, with nothing left of it.
std::unique_ptr<CudaGraph> Capture(const c10::cuda::CUDAStream& stream, const std::function<void()>& work) {
  // A pool of our own, for after a failure LibTorch no longer tells which one it took.
  const c10::MempoolId_t pool = at::cuda::graph_pool_handle();
  auto graph = std::make_unique<CudaGraph>();
  bool capturing = false;
  try {
    graph->native().capture_begin(pool);
    capturing = true;
    work();
    capturing = false;
    graph->native().capture_end();
    return graph;
  } catch (...) {
    try {
      // Where the capture itself is sound (out of memory), nothing is left to abandon.
      if (capturing) graph->native().capture_end();
    } catch (const c10::Error&) {
    }
    graph.reset();
    AbandonCapture(stream, pool);
    throw;
  }
}

// "GPU-" and the UUID in 8-4-4-4-12, as nvidia-smi prints it.
std::string UuidText(const cudaUUID_t& uuid) {
  std::string text = "GPU-";
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>(uuid.bytes[i])));
    text += digits;
  }
  return text;
}

DeviceIdentity Identify(int ordinal) {
  cudaDeviceProp properties{};
  C10_CUDA_CHECK(cudaGetDeviceProperties(&properties, ordinal));
  return {.uuid = UuidText(properties.uuid),
          .name = properties.name,
          .memory_mib = static_cast<std::uint32_t>(properties.totalGlobalMem / kMiB),
          .capability_major = properties.major,
          .capability_minor = properties.minor};
}

std::string CudnnVersionText() {
  if (!at::globalContext().hasCuDNN()) return "";
  const long version = at::Context::versionCuDNN();  // 91900: 9.19.0; before 9: 8902: 8.9.2
  const long unit = version >= 90000 ? 10000 : 1000;
  return std::to_string(version / unit) + "." + std::to_string(version % unit / 100) + "." +
         std::to_string(version % 100);
}

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(int ordinal)
      : ordinal_(static_cast<c10::DeviceIndex>(ordinal)),
        torch_name_("cuda:" + std::to_string(ordinal)),
        identity_(Identify(ordinal)) {
    c10::cuda::set_device(ordinal_);
    at::globalContext().lazyInitDevice(c10::DeviceType::CUDA);
  }

  const std::string& torch_name() const override { return torch_name_; }
  const DeviceIdentity& identity() const override { return identity_; }

  // The stream is asked for each time: it is the calling thread's current one, where the steps are queued.
  std::unique_ptr<Mark> MakeMark() override {
    const c10::Device device(c10::DeviceType::CUDA, ordinal_);
    return std::make_unique<CudaMark>(c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA)->getStream(device));
  }
  std::size_t QueueAhead() const override { return 1; }

  // CUDAStream::query takes "not ready" back from the runtime, so that no later check finds it.
  std::optional<bool> Drained() override { return c10::cuda::getCurrentCUDAStream(ordinal_).query(); }

  Recording Record(const std::function<void()>& prepare, const std::function<void()>& work) override {
    const c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool(/*isHighPriority=*/false, ordinal_);
    c10::cuda::device_synchronize();  // weights and batch may still be under way in the stream used so far
    const c10::cuda::CUDAStreamGuard guard(stream);
    prepare();
    c10::cuda::device_synchronize();
    c10::cuda::CUDACachingAllocator::emptyCache();  // a graph takes its memory from a pool of its own
    try {
      return {.graph = Capture(stream, work), .why_not = ""};
    } catch (const c10::Error& error) {
      return {.graph = nullptr, .why_not = FirstLine(error.what_without_backtrace())};
    } catch (const std::exception& error) {
      return {.graph = nullptr, .why_not = FirstLine(error.what())};
    }
  }

  void ReleaseUnused() override { c10::cuda::CUDACachingAllocator::emptyCache(); }

  void LimitMemory(std::uint32_t mib) override {
    cudaDeviceProp properties{};
    C10_CUDA_CHECK(cudaGetDeviceProperties(&properties, ordinal_));
    const double fraction =
        static_cast<double>(mib) * static_cast<double>(kMiB) / static_cast<double>(properties.totalGlobalMem);
    c10::cuda::CUDACachingAllocator::setMemoryFraction(std::min(fraction, 1.0), ordinal_);
  }

  std::uint32_t PeakMemoryMib() override {
    constexpr std::size_t kAllPools = 0;  // StatType::AGGREGATE, whose namespace differs between releases
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(ordinal_);
    return static_cast<std::uint32_t>(static_cast<std::size_t>(stats.reserved_bytes[kAllPools].peak) / kMiB);
  }

  bool RefusedMemory() override { return c10::cuda::CUDACachingAllocator::getDeviceStats(ordinal_).num_ooms > 0; }

  std::uint32_t HostThreads() const override { return static_cast<std::uint32_t>(at::get_num_threads()); }
  std::string CudnnVersion() const override { return CudnnVersionText(); }

 private:
  const c10::DeviceIndex ordinal_;
  const std::string torch_name_;
  const DeviceIdentity identity_;
};

std::vector<DeviceIdentity> List() {
  std::vector<DeviceIdentity> found;
  const int count = c10::cuda::device_count_ensure_non_zero();  // throws what is wrong: device_count() only gives 0
  for (int ordinal = 0; ordinal < count; ++ordinal) found.push_back(Identify(ordinal));
  return found;
}

std::unique_ptr<Device> Open(int ordinal) { return std::make_unique<CudaDevice>(ordinal); }

}  // namespace
}  // namespace rsg::trainer

extern "C" __attribute__((visibility("default"))) const rsg::trainer::CudaPlugin* rsg_trainer_cuda_plugin() {
  static const rsg::trainer::CudaPlugin plugin{.version = rsg::kVersion,
                                               .list = rsg::trainer::List,
                                               .open = rsg::trainer::Open,
                                               .cudnn_version = rsg::trainer::CudnnVersionText};
  return &plugin;
}
