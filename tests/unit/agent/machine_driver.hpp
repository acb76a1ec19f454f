// Drives the agent's state machine by hand: a clock that is set, messages that are short to write.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/protocol/machine.hpp"

namespace rsg::agent {

inline const std::string kToken = "0123456789abcdef0123456789abcdef";
inline const std::string kOtherToken = "fedcba9876543210fedcba9876543210";

MachineConfig GoodConfig();
v1::Settings ShortSettings();  // heartbeat 1 s, flush 0.5 s, 4 unacked, kill after 2 s, cap 4 s, 10 spooled
v1::Assign GoodAssign(const std::string& attempt_id = "s1.1.1", const std::string& token = kToken);
v1::Window GoodWindow(std::uint32_t sequence);
v1::TrainerEvent StartedEvent();
v1::TrainerEvent WindowEvent(std::uint32_t sequence);
v1::TrainerEvent FinishedEvent(v1::Outcome outcome = v1::OUTCOME_COMPLETED);
v1::CoordinatorMessage WelcomeMessage();
v1::CoordinatorMessage AssignMessage(const v1::Assign& assign);
v1::CoordinatorMessage AckMessage(const std::string& attempt_id, std::uint32_t sequence);
v1::CoordinatorMessage CancelMessage(const std::string& attempt_id, const std::string& token);
v1::CoordinatorMessage FinishedAckMessage(const std::string& attempt_id, bool accepted = true);

/// A machine whose actions are kept by kind. After every event it is checked that Deadline does not ask for a Tick that
/// would do nothing: the real loop would spin.
class MachineDriver : public ::testing::Test {
 protected:
  void Make(MachineConfig config, double random = 0.5);
  void SetUp() override { Make(GoodConfig()); }

  void Give(const Event& event) { Give(std::vector<Event>{event}); }
  /// What one look of the agent's loop finds.
  void Give(const std::vector<Event>& events);
  void Hear(const v1::CoordinatorMessage& message) { Give(Received{message}); }
  void Say(const v1::TrainerEvent& event, const std::string& attempt_id = "s1.1.1");
  void ChildExits(int code = 0, int signal = 0, const std::string& attempt_id = "s1.1.1");
  /// Moves the clock on in the steps that Deadline asks for. The wire is kept free.
  void Pass(double seconds);
  /// Answers each Send with WriteDone until nothing more is to be sent.
  void Flush();

  void Attach();        // dial, hello, welcome
  void StartAttempt();  // assigned, spawned, started
  void Windows(std::uint32_t first, std::uint32_t last);
  void Lose(LinkLoss kind = LinkLoss::kUnreachable) { Give(LinkLost{kind, "the line broke"}); }

  template <typename T>
  int Count() const {
    int count = 0;
    for (const Action& action : actions_) count += std::holds_alternative<T>(action) ? 1 : 0;
    return count;
  }
  /// All messages of one kind since Clear.
  std::vector<v1::AgentMessage> Sent(v1::AgentMessage::MessageCase kind) const;
  /// Sequence numbers of all windows sent since Clear.
  std::vector<std::uint32_t> SentWindows() const;
  /// The last AttemptFinished sent since Clear; fails the test when there is none.
  v1::AttemptFinished Finished() const;
  std::optional<int> ExitCode() const;
  std::string LogText() const;
  void Clear() { actions_.clear(); }

  void Handle(const Event& event);

  double now_ = 1000;
  std::unique_ptr<Machine> machine_;
  std::vector<Action> actions_;
  bool write_open_ = false;
  bool dialled_ = false;
};

}  // namespace rsg::agent
