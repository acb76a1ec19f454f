// The one thread that owns the scheduler's state machine and the writing side of the store. Everything that happens is
// an event in its bounded mailbox. It handles what has gathered, stores all changes in one transaction, and only after
// the commit lets anybody know: messages go out, replies and the next reads are released.
//
// When a commit fails nothing is let out: all streams are closed, the state machine is made anew from what is stored,
// and events are refused until storing works again. No gRPC here, so that the thread can be tested with thread
// sanitizer.
//
// All methods may be called from any thread unless said otherwise. A simulation opens a core that has no thread and
// does its rounds itself: then all calls come from that one thread.
#pragma once
#include <algorithm>
#include <atomic>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.hpp"
#include "common/mailbox.hpp"
#include "common/secret.hpp"
#include "coordinator/schedule/coordinator.hpp"
#include "coordinator/server/figures.hpp"
#include "coordinator/server/watchers.hpp"
#include "coordinator/store/store.hpp"

namespace rsg::server {

/// The sending side of an agent's stream. Called by the core's thread; must not block.
class Outlet {
 public:
  virtual ~Outlet() = default;
  virtual void Send(v1::CoordinatorMessage message) = 0;
  /// After what was sent. Nothing follows.
  virtual void Close(const absl::Status& reason) = 0;
  /// A Close has not come to an end in time: the peer does not read.
  virtual void Cut() = 0;
};

class Core {
 public:
  struct Options {
    std::filesystem::path database;
    schedule::Settings settings;
    std::optional<schedule::WandbTarget> forward;  ///< new jobs get a run in W&B, there; see Store::ForwardNewJobs
    const Clock* clock = nullptr;
    std::size_t mailbox = 1 << 17;              ///< events; more are refused
    schedule::RandomSource random = RandomHex;  ///< makes secrets and tokens
    std::function<void(bool)> on_storing;       ///< storing failed (false) or works again; on the core's thread
  };

  /// What an event does, on the core's thread.
  using Action = std::function<void(schedule::Coordinator&, const schedule::Now&, schedule::Effects&)>;
  /// Called once, on the core's thread (or at once on the caller's, when the event was not taken): OK after the commit.
  using Done = std::function<void(const absl::Status&)>;

  /// Opens the database and starts the thread. Errors as store::Store::Open.
  static absl::StatusOr<std::unique_ptr<Core>> Start(const Options& options);
  /// Opens the database and has no thread: whoever opened it calls Round, and none of the methods that wait.
  static absl::StatusOr<std::unique_ptr<Core>> Open(const Options& options);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  void Post(Action action, Done done);
  /// Waits for it; not from the core's thread.
  absl::Status PostAndWait(Action action);

  // Streams of agents.

  schedule::SessionId NewSession() { return ++last_session_; }
  /// `done` is OK when the stream may be read; otherwise it is being closed.
  void OpenSession(schedule::SessionId session, std::shared_ptr<Outlet> outlet, std::string credential_sha256,
                   Done done);
  void Receive(schedule::SessionId session, v1::AgentMessage message, Done done);
  /// The stream is over. Never refused.
  void CloseSession(schedule::SessionId session, bool in_good_order);

  /// Sends the watcher the sweep's state now and then, at once and until it ends. `done`: NOT_FOUND when the sweep is
  /// not live.
  void Watch(std::int64_t sweep, std::shared_ptr<Watcher> watcher, Done done);

  /// Closes all streams with UNAVAILABLE and refuses what comes later, but goes on taking ends of streams.
  void CloseAll();
  /// Handles what has gathered and what is due. Only for who opened it with Open.
  void Round();
  /// When Round has something to do although nothing comes, on the clock's monotonic time.
  double Due() const { return std::min({tick_due_, watch_due_, held_.empty() ? tick_due_ : held_.begin()->first}); }

  /// Counts what was refused before it became an event, by reason. Coordinator::rejected has the rest, since the last
  /// failed commit; what it had before that is here.
  void Refused(const char* reason);
  std::map<std::string, std::uint64_t> refused() const;

  const CoreFigures& figures() const { return figures_; }
  /// Events that wait.
  std::size_t waiting() const { return mailbox_.size(); }

  /// Ends the thread after what was taken has been stored. Repeating it is harmless; the destructor calls it.
  void Stop();

 private:
  struct Event {
    Action action;
    Done done;
  };
  struct Closing {
    std::shared_ptr<Outlet> outlet;
    double deadline;
  };

  Core(const Options& options, std::unique_ptr<store::Store> store);
  void Run();
  void Handle(std::deque<Event>& events);
  absl::Status Commit(const schedule::Effects& effects);
  void Deliver(schedule::Effects& effects);
  void CloseOutlet(schedule::SessionId session, const absl::Status& reason);
  void CutSlowOnes(double now);
  void ReleaseHeld(double now);
  absl::Status MakeCoordinator();
  void Break(const absl::Status& reason);
  void Recover();
  void SetStoring(bool storing);
  void Count(const schedule::Effects& effects);
  void CloseStreams(const absl::Status& reason);
  schedule::Now Time() const;

  const Options options_;
  const std::unique_ptr<store::Store> store_;
  Mailbox<Event> mailbox_;
  std::atomic<schedule::SessionId> last_session_{0};
  std::atomic<bool> closing_down_{false};
  std::atomic<bool> stop_{false};
  mutable std::mutex refused_mutex_;
  std::map<std::string, std::uint64_t> refused_;
  CoreFigures figures_;

  // Of the core's thread.
  std::unique_ptr<schedule::Coordinator> coordinator_;  // null while broken
  std::unordered_map<schedule::SessionId, std::shared_ptr<Outlet>> outlets_;
  std::deque<Closing> closing_;
  Watchers watchers_;
  std::multimap<double, Done> held_;  // reads of agents that say too much, by when they go on; one a stream at most
  double tick_due_ = 0;
  double watch_due_ = 0;
  std::map<std::string, schedule::Coordinator::Newest> newest_;  // as the last one that broke knew them
  absl::Status broken_;                                          // why
  double retry_at_ = 0;
  double retry_after_ = 0;
  double complained_at_ = 0;

  std::thread thread_;
};

}  // namespace rsg::server
