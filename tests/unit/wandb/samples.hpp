// Stored records for the tests of what goes to W&B, and an outbox of them in memory.
#pragma once
#include <map>
#include <vector>

#include "coordinator/wandb/forwarder.hpp"

namespace rsg::wandb {

/// A resnet50 in fp16 at batch size 256 on an RTX 3090: job s3.`job`, no attempt yet.
store::RunContent RunOf(std::int64_t job);
/// Appends an attempt that ended so after `windows` windows; a COMPLETED one with a result of 100 samples per second.
void AddAttempt(store::RunContent* run, std::uint32_t windows, v1::Outcome outcome);
/// Appends an attempt that goes on.
void AddRunning(store::RunContent* run, std::uint32_t windows);
v1::Window WindowOf(std::uint32_t sequence);

class MemoryOutbox final : public Outbox {
 public:
  /// The job has ended when its last attempt has; `ended` false: it is to be tried again.
  void Put(const store::RunContent& run, bool ended = true);
  store::UnsentRun& at(std::int64_t job) { return runs_.at({3, job}).unsent; }
  bool AllDone() const;

  absl::StatusOr<std::vector<store::UnsentRun>> Unsent(std::uint32_t limit) override;
  absl::StatusOr<std::optional<store::UnsentRun>> Find(const schedule::JobKey& job,
                                                       const schedule::WandbTarget& target) override;
  absl::StatusOr<store::RunContent> Content(const schedule::JobKey& job, const schedule::WandbTarget& target) override;
  absl::StatusOr<std::vector<v1::Window>> Windows(const schedule::AttemptKey& attempt, std::uint32_t first,
                                                  std::uint32_t limit) override;
  absl::Status Advance(const schedule::WandbRun& run) override;

  absl::Status broken;      ///< what Advance answers unless it is OK
  absl::Status unreadable;  ///< likewise Content

 private:
  struct Stored {
    store::UnsentRun unsent;
    store::RunContent content;
  };
  std::map<schedule::JobKey, Stored> runs_;
};

/// Calls Run until all is done or `seconds` have passed.
class TestClock;
void RunFor(Forwarder* forwarder, TestClock* clock, double seconds);

}  // namespace rsg::wandb
