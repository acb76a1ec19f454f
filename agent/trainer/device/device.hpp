// What trains: one GPU or the CPU. The measurement needs no more of it than this; LibTorch's headers stay out.
#pragma once
#include <cstdint>
#include <memory>
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

  /// Caps the tensors' memory; a step that needs more throws out of memory. GPU: bytes that the caching allocator
  /// reserves, cuDNN's and cuBLAS's workspaces included, the CUDA context not. CPU: bytes of live tensors, LibTorch's
  /// code, thread stacks and oneDNN's private scratch not. Call before anything is allocated.
  virtual void LimitMemory(std::uint32_t mib) = 0;
  /// Peak so far. GPU: reserved by the allocator; CPU: resident set of the process.
  virtual std::uint32_t PeakMemoryMib() = 0;
  /// Threads that one operation may use on the host.
  virtual std::uint32_t HostThreads() const = 0;
  /// E.g. "9.19.0"; empty when the device does not use it.
  virtual std::string CudnnVersion() const = 0;
};

}  // namespace rsg::trainer
