// W&B's server in memory, strict where the real one is silent: what it would take and get wrong is a violation. With
// seeded faults and the real one's limits of requests, under the test's clock.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "coordinator/wandb/forwarder.hpp"

namespace rsg::wandb {

class TestClock final : public Clock {
 public:
  double Monotonic() const override { return now_; }
  double Unix() const override { return 1700000000 + now_; }
  void Advance(double seconds) { now_ += seconds; }

 private:
  double now_ = 1000;
};

class FakeWandb final : public Transport {
 public:
  struct Run {
    std::string project;
    std::string state = "running";
    int upserts = 0;
    std::vector<std::string> history;
    nlohmann::json summary;
    nlohmann::json upsert;  ///< its variables
    std::map<std::string, std::string> files;
    std::vector<std::string> uploaded;
  };
  enum class Fault { kNone, kDropBefore, kDropAfter, kTooMany, kServerError, kGraphQlError, kSummaryLost };

  explicit FakeWandb(const Clock* clock) : clock_(clock) {}

  /// Each request fails with this probability, in some way.
  void FailAtRandom(double probability, std::uint32_t seed) {
    probability_ = probability;
    random_.seed(seed);
  }
  /// The next requests have these statuses (0: no answer); then all is well again.
  void Answer(std::initializer_list<int> statuses) { next_.assign(statuses); }
  void AnswerAlways(int status) { always_ = status; }
  /// It answers 503, and how long it wants to be left alone.
  void BreakStorage(std::optional<double> retry_after = {}) {
    storage_broken_ = true;
    storage_retry_after_ = retry_after;
  }
  void LoseNextSummary() { lose_summary_ = true; }
  void Forget(const std::string& run) { runs_.erase(run); }
  /// A request with more lines is too large.
  void TakeAtMost(std::size_t lines) { most_lines_ = lines; }

  HttpAnswer Send(const HttpRequest& request) override;

  std::map<std::string, Run>& runs() { return runs_; }
  std::uint64_t requests() const { return requests_; }
  std::uint64_t of(Call call) const { return calls_.contains(call) ? calls_.at(call) : 0; }
  std::uint64_t faults() const { return faults_; }        ///< each makes one repetition necessary
  std::uint64_t lost_summaries() const { return lost_; }  ///< each makes a mending and another reading necessary
  std::uint64_t limited() const { return limited_; }      ///< refused by the limits of requests
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  bool IsLimited(const HttpRequest& request);
  Fault Draw(const HttpRequest& request);
  HttpAnswer Take(const HttpRequest& request);
  HttpAnswer TakeGraphQl(const nlohmann::json& body);
  HttpAnswer TakeStream(const std::string& name, const nlohmann::json& body);

  const Clock* const clock_;
  double probability_ = 0;
  std::mt19937 random_;
  std::deque<int> next_;
  std::optional<int> always_;
  bool lose_summary_ = false;
  bool storage_broken_ = false;
  std::optional<double> storage_retry_after_;
  std::size_t most_lines_ = 1 << 20;
  std::map<std::string, Run> runs_;
  std::map<Call, std::uint64_t> calls_;
  std::uint64_t requests_ = 0;
  std::uint64_t faults_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t limited_ = 0;
  std::deque<double> times_;
  std::map<std::string, std::deque<double>> stream_times_;
  std::vector<std::string> violations_;
};

}  // namespace rsg::wandb
