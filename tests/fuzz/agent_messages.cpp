// Whatever agents say, the coordinator's state machine stores windows in sequence and ends an attempt once.
#include <fmt/format.h>

#include <map>
#include <set>
#include <vector>

#include "common/secret.hpp"
#include "coordinator/schedule/coordinator.hpp"
#include "input.hpp"
#include "messages.hpp"

namespace rsg::schedule {
namespace {

constexpr int kAgents = 2;

class Fleet {
 public:
  Fleet() : coordinator_(Settings(), [this](std::size_t bytes) { return Hex(bytes); }) {
    coordinator_.Load({}, now_, effects_);
    const auto token = coordinator_.CreateToken({}, now_, effects_);
    fuzz::Insist(token.ok());
    for (int i = 0; i < kAgents; ++i) {
      v1::EnrollRequest request;
      request.set_join_token(token->secret);
      request.set_credential_sha256(Credential(i));
      fuzz::Insist(coordinator_.Enroll(request, now_, effects_).ok());
      Attach(i);
    }
    fuzz::Insist(coordinator_.SubmitSweep(server::MakeSubmit("fuzz", 3), now_, effects_).ok());
    Check();
    for (const auto& assigned : assigned_) fuzz::Insist(!assigned.empty());
  }

  void Step(fuzz::Input& input) {
    const int who = input.Byte() % kAgents;
    switch (input.Byte() % 8) {
      case 0:
        now_.monotonic += input.Byte();
        now_.unix += input.Byte();
        coordinator_.Tick(now_, effects_);
        break;
      case 1:
        coordinator_.Closed(sessions_[who], input.Byte() % 2 == 0, now_, effects_);
        break;
      case 2:
        Attach(who);
        break;
      case 3: {
        const v1::Assign assign = Pick(who, input);
        const std::uint32_t first = input.Byte();
        Say(who, server::MakeWindows(assign, first, first + input.Byte() % 8));
        break;
      }
      case 4: {
        const v1::Assign assign = Pick(who, input);
        const std::uint32_t windows = input.Byte();
        Say(who, server::MakeFinished(assign, windows, static_cast<v1::Outcome>(input.Byte() % 9)));
        break;
      }
      default: {
        const bool right_token = input.Byte() % 2 == 0;
        const v1::Assign assign = Pick(who, input);
        v1::AgentMessage message;
        if (!message.ParsePartialFromString(std::string(input.Piece()))) return;
        if (right_token) Sign(assign, message);
        Say(who, std::move(message));
      }
    }
    Check();
  }

 private:
  static std::string Credential(int who) { return std::string(64, static_cast<char>('a' + who)); }
  std::string Hex(std::size_t bytes) { return fmt::format("{:0{}x}", ++random_, 2 * bytes); }

  void Attach(int who) {
    sessions_[who] = ++last_session_;
    coordinator_.Open(last_session_, Credential(who), now_, effects_);
    coordinator_.Receive(last_session_, server::MakeHello(fmt::format("box{}", who), who + 1), now_, effects_);
  }
  void Say(int who, v1::AgentMessage message) {
    coordinator_.Receive(sessions_[who], std::move(message), now_, effects_);
  }
  // One of all that the agent was ever handed, the one it is to run and those ahead of it.
  const v1::Assign& Pick(int who, fuzz::Input& input) const {
    return assigned_[who][input.Byte() % assigned_[who].size()];
  }
  // A fuzzer guesses no lease token.
  static void Sign(const v1::Assign& assign, v1::AgentMessage& message) {
    const auto sign = [&](auto* part) {
      part->set_attempt_id(assign.attempt_id());
      part->set_lease_token(assign.lease_token());
    };
    if (message.has_attempt_started()) sign(message.mutable_attempt_started());
    if (message.has_window_batch()) sign(message.mutable_window_batch());
    if (message.has_attempt_finished()) sign(message.mutable_attempt_finished());
  }

  void Check() {
    for (const Change& change : effects_.changes) {
      if (const auto* windows = std::get_if<AppendWindows>(&change))
        for (const v1::Window& window : windows->windows)
          fuzz::Insist(window.sequence() == ++stored_[Id(windows->key)] && !ended_.contains(Id(windows->key)));
      if (const auto* end = std::get_if<EndAttempt>(&change)) fuzz::Insist(ended_.insert(Id(end->key)).second);
    }
    for (const auto& action : effects_.outgoing) {
      const auto* send = std::get_if<Send>(&action);
      if (send == nullptr) continue;
      if (send->message.has_ack())
        fuzz::Insist(send->message.ack().sequence() <= stored_[send->message.ack().attempt_id()]);
      for (int who = 0; who < kAgents; ++who)
        if (send->session == sessions_[who] && send->message.has_assign())
          assigned_[who].push_back(send->message.assign());
    }
    effects_ = {};
  }

  std::uint64_t random_ = 0;
  Now now_{.monotonic = 1000, .unix = 1.7e9};
  Effects effects_;
  Coordinator coordinator_;
  SessionId last_session_ = 0;
  SessionId sessions_[kAgents] = {};
  std::vector<v1::Assign> assigned_[kAgents];
  std::map<std::string, std::uint32_t> stored_;
  std::set<std::string> ended_;
};

}  // namespace
}  // namespace rsg::schedule

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rsg::fuzz::Input input(data, size);
  rsg::schedule::Fleet fleet;
  for (int steps = 0; steps < 200 && !input.empty(); ++steps) fleet.Step(input);
  return 0;
}
