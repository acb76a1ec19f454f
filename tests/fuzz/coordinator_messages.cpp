// Whatever a coordinator says, the agent's state machine has one child at most and one message on the wire, and keeps
// windows in sequence.
#include <map>

#include "agent/protocol/machine.hpp"
#include "input.hpp"
#include "machine_driver.hpp"

namespace rsg::agent {
namespace {

class Agent {
 public:
  Agent() : machine_(GoodConfig(), [] { return 0.5; }) {
    Give(Tick{});
    Give(Enrolled{});
    Give(Received{WelcomeMessage()});
  }

  void Step(fuzz::Input& input) {
    switch (input.Byte() % 8) {
      case 0:
        now_ += input.Byte();
        return Give(Tick{});
      case 1:
        return Give(LinkLost{static_cast<LinkLoss>(input.Byte() % 6), "fuzz"});
      case 2:
        if (writing_) Give(WriteDone{});
        return;
      case 3:
        if (child_) Give(TrainerSaid{spawned_, WindowEvent(input.Byte())});
        return;
      case 4:
        if (child_)
          Give(ChildExited{.attempt_id = spawned_, .exit_code = input.Byte() % 4, .signal = 0, .log_tail = {}});
        return;
      case 5:
        return Give(Received{AssignMessage(GoodAssign("s1.1." + std::to_string(input.Byte() % 4 + 1)))});
      default: {
        v1::CoordinatorMessage message;
        if (message.ParsePartialFromString(std::string(input.Piece()))) Give(Received{message});
      }
    }
  }

 private:
  void Give(const Event& event) {
    if (left_) return;
    if (std::holds_alternative<WriteDone>(event) || std::holds_alternative<LinkLost>(event)) writing_ = false;
    if (std::holds_alternative<ChildExited>(event)) child_ = false;
    bool spawned = false;
    for (const Action& action : machine_.Handle(event, now_)) {
      if (std::holds_alternative<Send>(action)) fuzz::Insist(!std::exchange(writing_, true));
      if (const auto* spawn = std::get_if<Spawn>(&action)) {
        fuzz::Insist(!std::exchange(child_, true));
        spawned_ = spawn->assign.attempt_id();
        spawned = true;
      }
      CheckKept(action);
      left_ = left_ || std::holds_alternative<Exit>(action);
    }
    if (spawned) Give(Spawned{spawned_});
  }

  void CheckKept(const Action& action) {
    if (const auto* keep = std::get_if<Keep>(&action)) {
      if (std::holds_alternative<v1::Assign>(keep->record)) fuzz::Insist(kept_.try_emplace(keep->attempt_id, 0).second);
      if (const auto* window = std::get_if<v1::Window>(&keep->record)) {
        fuzz::Insist(kept_.contains(keep->attempt_id));
        fuzz::Insist(window->sequence() == ++kept_[keep->attempt_id]);
      }
    }
    if (const auto* release = std::get_if<Release>(&action)) {
      if (release->through)
        fuzz::Insist(kept_.contains(release->attempt_id) && *release->through <= kept_[release->attempt_id]);
      else
        kept_.erase(release->attempt_id);
    }
  }

  Machine machine_;
  std::map<std::string, std::uint32_t> kept_;  // the last window of each attempt
  double now_ = 1000;
  std::string spawned_;
  bool child_ = false;
  bool writing_ = false;
  bool left_ = false;
};

}  // namespace
}  // namespace rsg::agent

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rsg::fuzz::Input input(data, size);
  rsg::agent::Agent agent;
  for (int steps = 0; steps < 200 && !input.empty(); ++steps) agent.Step(input);
  return 0;
}
