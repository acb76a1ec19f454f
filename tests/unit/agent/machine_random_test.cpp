// Random schedules against a model of the coordinator: connections break at any moment, with what was under way lost;
// answers come late. Whatever happens, every window is stored once and in order, and every attempt ends once.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

#include "machine_driver.hpp"

namespace rsg::agent {
namespace {

constexpr std::uint32_t kWindows = 25;
constexpr int kAttempts = 4;

// The coordinator's side, as the contract in fleet.proto states it. Commits at once, answers into a wire that may
// break.
class ModelCoordinator {
 public:
  std::deque<v1::CoordinatorMessage> Answer(const v1::AgentMessage& message) {
    std::deque<v1::CoordinatorMessage> answers;
    if (message.has_hello()) Welcome(message.hello(), &answers);
    if (message.has_window_batch()) Store(message.window_batch(), &answers);
    if (message.has_attempt_finished()) Finish(message.attempt_finished(), &answers);
    if (attached_ && running_.empty() && next_ <= kAttempts) answers.push_back(NewAssign());
    return answers;
  }
  void Detach() { attached_ = false; }
  bool all_ended() const { return next_ > kAttempts && running_.empty(); }
  const std::map<std::string, std::vector<std::uint32_t>>& stored() const { return stored_; }
  const std::map<std::string, v1::Outcome>& ended() const { return ended_; }

 private:
  void Welcome(const v1::Hello& hello, std::deque<v1::CoordinatorMessage>* answers) {
    attached_ = true;
    v1::CoordinatorMessage welcome = WelcomeMessage();
    welcome.mutable_welcome()->mutable_settings()->set_max_spooled_windows(1000);
    answers->push_back(welcome);
    bool known = false;
    for (const v1::AttemptInHand& attempt : hello.attempts()) {
      const bool current = attempt.attempt_id() == running_;
      known |= current;
      answers->push_back(current ? AckMessage(running_, Last(running_))
                                 : CancelMessage(attempt.attempt_id(), attempt.lease_token()));
    }
    if (!running_.empty() && !known) answers->push_back(AssignMessage(GoodAssign(running_)));
  }

  void Store(const v1::WindowBatch& batch, std::deque<v1::CoordinatorMessage>* answers) {
    if (batch.attempt_id() != running_) {
      answers->push_back(CancelMessage(batch.attempt_id(), batch.lease_token()));
      return;
    }
    for (const v1::Window& window : batch.windows()) {
      EXPECT_LE(window.sequence(), Last(running_) + 1) << "a gap";
      if (window.sequence() == Last(running_) + 1) stored_[running_].push_back(window.sequence());
    }
    answers->push_back(AckMessage(running_, Last(running_)));
  }

  void Finish(const v1::AttemptFinished& finished, std::deque<v1::CoordinatorMessage>* answers) {
    const bool current = finished.attempt_id() == running_;
    if (current) {
      EXPECT_EQ(finished.final_sequence(), Last(running_)) << "ended before all windows were stored";
      EXPECT_EQ(ended_.count(running_), 0u);
      ended_[running_] = finished.outcome();
      running_.clear();
    }
    answers->push_back(FinishedAckMessage(finished.attempt_id(), current));
  }

  v1::CoordinatorMessage NewAssign() {
    running_ = "s1." + std::to_string(next_++) + ".1";
    return AssignMessage(GoodAssign(running_));
  }
  std::uint32_t Last(const std::string& attempt) { return static_cast<std::uint32_t>(stored_[attempt].size()); }

  bool attached_ = false;
  int next_ = 1;
  std::string running_;
  std::map<std::string, std::vector<std::uint32_t>> stored_;
  std::map<std::string, v1::Outcome> ended_;
};

class RandomRun {
 public:
  explicit RandomRun(std::uint64_t seed) : random_(seed), machine_(GoodConfig(), [this] { return Uniform(); }) {}

  void Run() {
    Do(machine_.Handle(Tick{}, now_));
    for (int step = 0; step < 200'000 && !coordinator_.all_ended(); ++step) Step();
  }
  const ModelCoordinator& coordinator() const { return coordinator_; }

 private:
  double Uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  bool Chance(double probability) { return Uniform() < probability; }

  void Give(const Event& event) { Do(machine_.Handle(event, now_)); }

  void Step() {
    now_ += Uniform() * 0.3;
    if (machine_.Deadline() <= now_) Give(Tick{});
    if (open_ && Chance(0.02)) return Break();
    if (open_ && !to_coordinator_.empty() && Chance(0.5)) Deliver();
    if (open_ && writing_ && to_coordinator_.empty() && Chance(0.7)) {
      writing_ = false;
      Give(WriteDone{});
    }
    if (open_ && !to_agent_.empty() && Chance(0.5)) {
      const v1::CoordinatorMessage message = to_agent_.front();
      to_agent_.pop_front();
      Give(Received{message});
    }
    if (!child_.empty() && Chance(0.3)) ChildStep();
  }

  void Deliver() {
    const v1::AgentMessage message = to_coordinator_.front();
    to_coordinator_.pop_front();
    for (auto& answer : coordinator_.Answer(message)) to_agent_.push_back(std::move(answer));
  }

  // What is under way in either direction is lost, whether the other side has acted on it or not.
  void Break() {
    open_ = writing_ = false;
    to_coordinator_.clear();
    to_agent_.clear();
    coordinator_.Detach();
    Give(LinkLost{LinkLoss::kUnreachable, "broken by the test"});
  }

  void ChildStep() {
    const std::string attempt = child_;
    if (said_ < 0 || dying_) {
      child_.clear();
      Give(ChildExited{.attempt_id = attempt, .exit_code = 0, .signal = dying_ ? 9 : 0, .log_tail = ""});
      return;
    }
    const int line = said_++;
    if (line == 0) return Give(TrainerSaid{attempt, StartedEvent()});
    if (line <= static_cast<int>(kWindows))
      return Give(TrainerSaid{attempt, WindowEvent(static_cast<std::uint32_t>(line))});
    said_ = -1;
    Give(TrainerSaid{attempt, FinishedEvent()});
  }

  void Do(const Actions& actions) {
    std::vector<Event> answers;
    for (const Action& action : actions) {
      if (std::holds_alternative<Dial>(action)) open_ = true;
      if (std::holds_alternative<Terminate>(action) || std::holds_alternative<Kill>(action)) dying_ = true;
      if (std::holds_alternative<Hangup>(action)) hang_ups_++;
      if (const auto* send = std::get_if<Send>(&action)) {
        EXPECT_FALSE(writing_);
        writing_ = true;
        to_coordinator_.push_back(send->message);
      }
      if (const auto* spawn = std::get_if<Spawn>(&action)) {
        child_ = spawn->assign.attempt_id();
        said_ = 0;
        dying_ = false;
        answers.push_back(Spawned{child_});
      }
    }
    if (std::exchange(hang_ups_, 0) > 0) Break();
    for (const Event& event : answers) Give(event);
  }

  std::mt19937_64 random_;
  double now_ = 100;
  Machine machine_;
  ModelCoordinator coordinator_;
  bool open_ = false;
  bool writing_ = false;
  int hang_ups_ = 0;
  std::deque<v1::AgentMessage> to_coordinator_;
  std::deque<v1::CoordinatorMessage> to_agent_;
  std::string child_;  // the attempt it runs; empty: none
  int said_ = 0;       // lines so far; -1: all
  bool dying_ = false;
};

TEST(MachineRandom, EveryWindowOnceAndEveryAttemptEndsOnce) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomRun run(seed);
    run.Run();
    ASSERT_TRUE(run.coordinator().all_ended()) << "did not come to an end";
    ASSERT_EQ(run.coordinator().ended().size(), static_cast<std::size_t>(kAttempts));
    for (const auto& [attempt, outcome] : run.coordinator().ended()) {
      ASSERT_EQ(outcome, v1::OUTCOME_COMPLETED) << attempt;
      ASSERT_EQ(run.coordinator().stored().at(attempt).size(), kWindows) << attempt;
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace rsg::agent
