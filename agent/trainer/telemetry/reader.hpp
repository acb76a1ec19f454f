// What can be read of the machine at one moment, and who reads it.
#pragma once
#include <cstdint>
#include <optional>

#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// Bits of Reading::clock_reasons: NVML's clock event reasons (nvmlClocksEventReasons in nvml.h), those that tell
/// whether a GPU is held back. Hardware slowdown cuts the clocks to half or less.
inline constexpr std::uint64_t kSoftwarePowerCap = 0x4;
inline constexpr std::uint64_t kHardwareSlowdown = 0x8;
inline constexpr std::uint64_t kSoftwareThermal = 0x20;
inline constexpr std::uint64_t kHardwareThermal = 0x40;
inline constexpr std::uint64_t kHardwarePowerBrake = 0x80;

/// No MHz, W or °C of a device is above this; what is comes from a broken sensor and counts as not told.
inline constexpr double kMostPlausible = 1e6;

/// One moment. What the system does not tell is absent.
struct Reading {
  double time = 0;  ///< by Clock::Monotonic, when it was taken
  std::optional<double> sm_clock_mhz{};
  std::optional<double> memory_clock_mhz{};
  std::optional<double> temperature_celsius{};
  std::optional<double> power_watts{};
  std::optional<double> energy_joules{};  ///< a counter: only differences mean something
  std::optional<std::uint64_t> clock_reasons{};
  std::optional<std::uint32_t> used_memory_mib{};
  std::optional<std::uint32_t> pcie_generation{};
  std::optional<std::uint32_t> pcie_width{};
  std::optional<double> cpu_mhz{};  ///< mean over the CPUs that the process may run on
  /// Time that all CPUs together have spent, in any one unit: counters, too.
  struct CpuTime {
    double busy = 0;
    double total = 0;
  };
  std::optional<CpuTime> cpu_time{};
  std::optional<double> cpu_wait_seconds{};  ///< by CpuWait: a counter, too
};

/// Reads a machine. Not thread-safe: one thread at a time, whichever it is.
class Reader {
 public:
  virtual ~Reader() = default;
  /// Never fails; what fails is absent. `time` is left to the caller. Should take well under a millisecond: it is
  /// called ten times a second while the machine trains.
  virtual Reading Read() = 0;
  /// Asked once.
  virtual v1::DeviceLimits Limits() = 0;
};

}  // namespace rsg::trainer
