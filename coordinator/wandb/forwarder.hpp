// Forwards what is stored to W&B, one request after the other: every line of every run arrives, and none twice.
//
// The truth is in the outbox, never here: before a chunk is sent it is written down which lines it holds, after it is
// confirmed it is written down that they have arrived. Whenever the process dies the next one repeats at most the last
// request, as it was, which changes nothing at W&B. A run is made known, filled, ended, read back and mended if W&B has
// lost some of its summary.
//
// Failures: what may pass is tried again later, and when runs fail one after the other all wait; what a person has to
// see to pauses everything until Retry; what W&B refuses for good makes its run stuck. A place (entity and project)
// that it refuses pauses everything when it is the settings' own, else only the runs that go there get stuck.
//
// No thread, no clock, no disk and no network of its own: service.hpp has them. Not thread-safe, but for Status.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.hpp"
#include "coordinator/store/outbox.hpp"
#include "coordinator/wandb/plan.hpp"
#include "coordinator/wandb/wire.hpp"

namespace rsg::wandb {

/// The stored side. As store::OutboxReader; Advance returns OK when the change is durable.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual absl::StatusOr<std::vector<store::UnsentRun>> Unsent(std::uint32_t limit) = 0;
  virtual absl::StatusOr<std::optional<store::UnsentRun>> Find(const schedule::JobKey& job,
                                                               const schedule::WandbTarget& target) = 0;
  virtual absl::StatusOr<store::RunContent> Content(const schedule::JobKey& job,
                                                    const schedule::WandbTarget& target) = 0;
  virtual absl::StatusOr<std::vector<v1::Window>> Windows(const schedule::AttemptKey& attempt, std::uint32_t first,
                                                          std::uint32_t limit) = 0;
  virtual absl::Status Advance(const schedule::WandbRun& run) = 0;
};

/// W&B's side.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual HttpAnswer Send(const HttpRequest& request) = 0;
};

class Forwarder {
 public:
  struct Options {
    schedule::WandbTarget target;  ///< where runs go that do not say; its project is not empty
    Pace pace;
    std::uint32_t board = 1024;  ///< runs looked after at a time, the oldest first
  };
  /// How it goes, for people.
  struct Status {
    bool paused = false;
    std::string last_error;  ///< with the remedy; empty: none since the last success
    double last_error_unix = 0;
    double last_success_unix = 0;
    std::uint64_t requests = 0;
  };

  /// All outlive it.
  Forwarder(Options options, Outbox* outbox, Transport* transport, const Clock* clock);

  /// Does what is due, at most one step of one run. Seconds until it is worth calling again.
  double Run();
  /// Goes on after a pause, and at once with what waits after a failure.
  void Retry();
  Status status() const;

 private:
  using Key = std::pair<schedule::JobKey, schedule::WandbTarget>;
  struct Entry {
    store::UnsentRun unsent;
    RunTimers timers;
    bool stale = false;  ///< not as it is stored; left alone until it has been read again
  };

  absl::Status Refresh();
  void Do(const Key& key, Entry& entry, const Plan& plan);
  absl::Status Upsert(Entry& entry);
  absl::Status SendFiles(Entry& entry);
  absl::Status NotSent(Entry& entry, absl::Status status);
  absl::Status SendChunk(Entry& entry, const Plan& plan);
  absl::Status Heartbeat(Entry& entry);
  absl::Status Verify(Entry& entry);
  absl::StatusOr<Chunk> MakeChunk(const Entry& entry);
  absl::StatusOr<store::RunContent> Content(const Entry& entry);
  /// The answer's body when all is well; otherwise what follows from it is done already: UNAVAILABLE to try again,
  /// OUT_OF_RANGE when it is too large, FAILED_PRECONDITION when files are refused, ABORTED when the run is stuck or
  /// everything is paused.
  absl::StatusOr<std::string> Send(Entry& entry, const HttpRequest& request);
  /// Where the run stands at W&B, or is to.
  schedule::WandbTarget PlaceOf(const schedule::WandbRun& run) const;
  absl::Status RefusePlace(Entry& entry, const std::string& why);
  absl::Status Fail(Entry& entry, const std::string& why, std::optional<double> retry_after, bool counts_for_all);
  absl::Status MakeStuck(Entry& entry, const std::string& why);
  void Pause(const std::string& why);
  void NoteError(const std::string& why);
  /// INTERNAL: not to be taken for a failure of W&B.
  static absl::Status OfOutbox(const absl::Status& status);
  /// Stores the run as it is in `entry` and reads it again.
  absl::Status Store(Entry& entry);
  absl::Status Reread(Entry& entry);

  const Options options_;
  Outbox* const outbox_;
  Transport* const transport_;
  const Clock* const clock_;
  std::map<Key, Entry> board_;
  double refresh_at_ = 0;
  double wait_until_ = 0;  // no request before
  unsigned failures_ = 0;  // in a row, of whichever runs
  bool paused_ = false;

  mutable std::mutex mutex_;
  Status status_;  // guarded by mutex_
};

}  // namespace rsg::wandb
