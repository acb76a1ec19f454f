// The fake NVML with a script, and a conductor that lets readings happen one by one in a time of its own.
#pragma once
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "agent/trainer/telemetry/reader.hpp"
#include "common/clock.hpp"

namespace rsg::trainer {

inline constexpr char kFakeGpu[] = "GPU-5e1f0000-0000-4000-8000-000000000001";

/// A script for the fake NVML, in force as long as this lives: a file and two environment variables.
class NvmlScript {
 public:
  /// `lines` follow the one that names kFakeGpu. `old_driver`: the library without what old drivers lack.
  explicit NvmlScript(const std::string& lines, bool old_driver = false);
  ~NvmlScript();
  NvmlScript(const NvmlScript&) = delete;
  NvmlScript& operator=(const NvmlScript&) = delete;

  std::string library() const;
  /// The fake GPU through the real loader; the test fails when it cannot be opened.
  std::unique_ptr<Reader> Open() const;

 private:
  const std::string path_;
  const bool old_driver_;
};

/// Makes the sampler's thread take readings when the test says so, each a step of time later than the one before.
/// Thread-safe.
class Conductor : public Clock {
 public:
  explicit Conductor(double step = 0.1) : step_(step) {}
  /// Wraps a reader for a Sampler with period 0. The one reading that the sampler's constructor takes is let through.
  std::unique_ptr<Reader> Conduct(std::unique_ptr<Reader> reader);
  /// Lets `count` readings happen and waits until they are stored.
  void Let(int count);
  /// Lets the thread run freely, and time stand. Must come before the sampler's end.
  void Release();
  double Monotonic() const override;
  double Unix() const override { return 0; }

 private:
  class Conducted;
  void AwaitTurn();

  const double step_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All guarded by mutex_.
  double now_ = 1000;
  int allowed_ = 1;
  bool waiting_ = false;
  bool released_ = false;
};

}  // namespace rsg::trainer
