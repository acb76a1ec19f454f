// What trains: one GPU or the CPU. The measurement needs no more of it than this; LibTorch's headers stay out.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace rsg::trainer {

/// A point in the device's queue of work. Not thread-safe; does not outlive its device.
class Mark {
 public:
  virtual ~Mark() = default;
  /// Waits until the device has done all work that was queued before this mark.
  virtual void Wait() = 0;
  /// Seconds on the device between `earlier`, a mark of the same device, and this one. Waits for both.
  virtual double SecondsSince(Mark& earlier) = 0;
};

/// Work that was recorded once and is queued again by one call. Not thread-safe; does not outlive its device.
class Graph {
 public:
  virtual ~Graph() = default;
  /// Queues all of it on the calling thread's current stream. It reads and writes the memory it was recorded with.
  virtual void Replay() = 0;
};

/// What Device::Record gives.
struct Recording {
  std::unique_ptr<Graph> graph;  ///< nullptr: there is none
  std::string why_not;           ///< one line, when there is none
};

/// What a device is, as people and the coordinator know it.
struct DeviceIdentity {
  std::string uuid{};  ///< GPU: "GPU-..."; empty for the CPU, which the agent names
  std::string name{};  ///< the product's
  std::uint32_t memory_mib = 0;
  int capability_major = 0;  ///< CUDA compute capability; 0.0 for the CPU
  int capability_minor = 0;
};

/// One device, made current for the thread that opened it; used by that thread only. Functions may throw what LibTorch
/// throws (training/failure.hpp).
class Device {
 public:
  virtual ~Device() = default;
  /// LibTorch's name: "cpu", "cuda:1".
  virtual const std::string& torch_name() const = 0;
  virtual const DeviceIdentity& identity() const = 0;
  bool is_gpu() const { return identity().capability_major > 0; }

  /// Marks the end of what is queued now.
  virtual std::unique_ptr<Mark> MakeMark() = 0;
  /// How many windows the host may queue ahead of the one it waits for, so that the device never runs dry; 0 when work
  /// is done by the time its call returns.
  virtual std::size_t QueueAhead() const = 0;

  /// Whether all that is queued is done, asked without waiting; nothing on a device that has no queue.
  virtual std::optional<bool> Drained() { return std::nullopt; }
  /// Runs `prepare`, on the stream that will be recorded where there is one, then records what `work` queues, without
  /// running it. `work` must not wait for the device, ask it anything, or use memory that is freed later. `prepare`
  /// runs on any device and what it throws passes through; where nothing can be recorded `work` may have been half
  /// called, and the device is as usable as before.
  virtual Recording Record(const std::function<void()>& prepare, const std::function<void()>& work) {
    (void)work;
    prepare();
    return {.graph = nullptr, .why_not = "this device records nothing"};
  }
  /// Gives memory back that is kept for later tensors; what is in use stays.
  virtual void ReleaseUnused() {}

  /// Caps the tensors' memory; a step that needs more throws out of memory. GPU: bytes that the caching allocator
  /// reserves, cuDNN's and cuBLAS's workspaces included, the CUDA context not. CPU: bytes of live tensors, LibTorch's
  /// code, thread stacks and oneDNN's private scratch not. Call before anything is allocated.
  virtual void LimitMemory(std::uint32_t mib) = 0;
  /// Peak so far. GPU: reserved by the allocator; CPU: resident set of the process.
  virtual std::uint32_t PeakMemoryMib() = 0;
  /// Whether a tensor or a workspace was ever denied memory; LibTorch may have made do without it.
  virtual bool RefusedMemory() { return false; }
  /// Threads that one operation may use on the host.
  virtual std::uint32_t HostThreads() const = 0;
  /// E.g. "9.19.0"; empty when the device does not use it.
  virtual std::string CudnnVersion() const = 0;
};

}  // namespace rsg::trainer
