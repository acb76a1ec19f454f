// What the agent's state machine is told and what it asks for. Plain values: no gRPC, no processes, no clock, so that a
// simulation can drive the machine as well as the real wires do.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "common/log_fields.hpp"
#include "rsg/v1/fleet.pb.h"
#include "rsg/v1/trainer.pb.h"

namespace rsg::agent {

/// Why there is no stream to the coordinator, as far as it decides what to do next.
enum class LinkLoss {
  kUnreachable,  ///< no answer, broken, overloaded: worth trying for ever
  kRefused,      ///< credential or join token not accepted
  kUntrusted,    ///< something answers that is not our coordinator: wrong CA, or no TLS
  kMismatch,     ///< the two sides speak different protocol versions
  kMalformed,    ///< the coordinator could not accept what this agent said
  kSuperseded,   ///< another process uses the same credential
};

/// The loss that a call's status stands for. Pure.
LinkLoss Classify(const absl::Status& status);

// Events.

/// Enrol ended well.
struct Enrolled {};
/// Enrol failed, or the stream ended; nothing more comes from it. `reason` is for a person.
struct LinkLost {
  LinkLoss kind = LinkLoss::kUnreachable;
  std::string reason;
};
struct Received {
  v1::CoordinatorMessage message;
};
/// The message of the last Send is out of our hands; the next one may follow.
struct WriteDone {};
/// The child of the last Spawn runs from now on.
struct Spawned {
  std::string attempt_id;
};
struct SpawnFailed {
  std::string attempt_id;
  std::string reason;
  v1::Outcome outcome = v1::OUTCOME_FAILED;  ///< LOST: this machine could not, this time
};
/// A line of the trainer, parsed and valid by itself.
struct TrainerSaid {
  std::string attempt_id;
  v1::TrainerEvent event;
};
/// A line of the trainer that is none.
struct TrainerGarbled {
  std::string attempt_id;
  std::string reason;
};
/// The child and its whole process group are gone; all of its lines were told before.
struct ChildExited {
  std::string attempt_id;
  int exit_code = 0;     ///< when `signal` is 0
  int signal = 0;        ///< that ended it; 0: none
  std::string log_tail;  ///< its last output, raw bytes
};
/// Time has passed; due when Machine::Deadline says so, harmless at any time. Told after all that has happened until
/// then.
struct Tick {};
/// SIGINT or SIGTERM: the first drains, the second ends now.
struct StopAsked {
  int signal = 0;
};

using Event = std::variant<Enrolled, LinkLost, Received, WriteDone, Spawned, SpawnFailed, TrainerSaid, TrainerGarbled,
                           ChildExited, Tick, StopAsked>;

// What outlives the process, if it can be written down.

/// Of an attempt: that it was taken on, that its child ran, a window, how it ended. The last end counts; its
/// final_sequence is the number of the attempt's last window.
using KeptRecord = std::variant<v1::Assign, v1::AttemptStarted, v1::Window, v1::AttemptFinished>;

/// An attempt that an earlier process has finished, and whose end was not acknowledged.
struct KeptAttempt {
  v1::Assign assign;
  std::optional<v1::AttemptStarted> started;
  std::deque<v1::Window> windows;  ///< the last ones, without gaps up to end.final_sequence(); may be none
  v1::AttemptFinished end;
};

// Actions.

/// Call Enroll; answered by Enrolled or LinkLost.
struct Enrol {};
/// Open the stream; a Send follows at once. Ends in LinkLost, sooner or later.
struct Dial {};
/// Break the stream; answered by LinkLost.
struct Hangup {};
/// Put one message on the stream; answered by WriteDone unless the stream breaks. Never two at a time.
struct Send {
  v1::AgentMessage message;
};
/// Write down, before what follows. Whether it can be is of no concern here: it is all kept in memory, too.
struct Keep {
  std::string attempt_id;
  KeptRecord record;
};
/// No longer needed of what was kept of the attempt: windows up to `through`, or without it everything.
struct Release {
  std::string attempt_id;
  std::optional<std::uint32_t> through;
};
/// Start the trainer, once its script is there if it has one; answered by Spawned or SpawnFailed, later by ChildExited.
struct Spawn {
  v1::Assign assign;
  v1::Device device;
};
/// SIGTERM to the child.
struct Terminate {};
/// SIGKILL to the child's process group.
struct Kill {};
struct Log {
  using Level = LogLevel;
  Level level = Level::kInfo;
  std::string text;
  LogFields fields = {};
};
/// The agent cannot go on until somebody has mended what its log names: starting it again as it is does not help.
inline constexpr int kExitRefused = 3;
/// The last action: end the process with this code.
struct Exit {
  int code = 0;
};

using Action = std::variant<Enrol, Dial, Hangup, Send, Keep, Release, Spawn, Terminate, Kill, Log, Exit>;
using Actions = std::vector<Action>;

}  // namespace rsg::agent
