// Those who watch live sweeps. Not thread-safe: the core's thread has it.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rsg/v1/control.pb.h"

namespace rsg::server {

/// Somebody who watches a sweep. Called by the core's thread; must not block.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void Update(const v1::SweepStatus& status) = 0;
  /// Nothing follows. OK: the sweep has ended.
  virtual void Close(const absl::Status& reason) = 0;
  /// Whether it still listens.
  virtual bool Listens() const = 0;
};

class Watchers {
 public:
  /// `status` is the sweep's state now, which the watcher is told at once.
  void Add(std::int64_t sweep, std::shared_ptr<Watcher> watcher, const v1::SweepStatus& status);
  /// Tells each of its sweep's state where that has changed. `status_of` is asked once a sweep.
  void Update(const std::function<absl::StatusOr<v1::SweepStatus>(std::int64_t sweep)>& status_of);
  /// Tells those who watch this sweep of its last state, and closes them.
  void End(const v1::SweepStatus& status);
  void CloseAll(const absl::Status& reason);

 private:
  struct Watching {
    std::int64_t sweep;
    std::shared_ptr<Watcher> watcher;
    std::string last;  // serialized, to send changes only
  };
  static void Tell(Watching& watching, const v1::SweepStatus& status);

  std::vector<Watching> watching_;
};

}  // namespace rsg::server
