// The coordinator's decisions, as a pure state machine: an event and the time go in, effects come out (effects.hpp). It
// has no clock, no thread, no gRPC and no SQLite, so that real wires and a simulation drive it alike.
//
// Who drives it stores an event's changes before it sends anything, and starts anew with Load when storing fails.
// Events of several sessions may be handled before one common commit. Not thread-safe.
//
// What it sees to:
//  * An attempt's windows are taken in sequence, each once, and acknowledged only after the commit; its end is taken
//    once and only when all of its windows are there. So every acknowledged window is stored once, and a job has one
//    result.
//  * A job has one attempt at a time: it is given out anew only when the earlier one has ended here, and its lease
//    token is worth nothing from then on. All attempts on a device are in the hand of one agent, which runs them one
//    after the other: the first, and jobs_ahead further ones, so that it need not wait for anybody in between.
//  * Lost contact alone ends nothing: an agent that comes back resumes. Its attempts are fenced when another process of
//    the agent takes its place, when the operator cancels, when another agent takes over the device, or when its
//    machine's slot in a sweep of only so many machines goes to another one (slots.cpp).
//  * Control jobs (control.hpp) come first and last on each device. What becomes of them never fails a sweep nor keeps
//    it from its end, and they are not counted among its jobs.
//  * Timeouts count only time in which the coordinator ran, and begin anew after a restart.
//
// Everything is kept in memory but windows, and sweeps that have ended.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/schedule/agent.hpp"
#include "coordinator/schedule/devices.hpp"
#include "coordinator/schedule/effects.hpp"
#include "coordinator/schedule/records.hpp"
#include "coordinator/schedule/settings.hpp"
#include "coordinator/schedule/sweep.hpp"
#include "coordinator/schedule/tokens.hpp"

namespace rsg::schedule {

/// A device that a sweep could go to, and who works for it.
struct Candidate {
  Agent* agent = nullptr;
  const v1::Device* device = nullptr;
};

/// Which kind of device a sweep goes to: as asked for; else GPUs, unless all candidates are CPUs; unspecified while
/// there is no candidate that could decide.
v1::DeviceKind ResolveKind(const v1::DeviceSelector& selector, std::span<const Candidate> candidates);

/// The fleet in numbers.
struct Overview {
  std::map<v1::AgentState, std::uint32_t> agents;  ///< states without an agent are not there
  std::uint64_t spooled_windows = 0;               ///< that agents keep, as they said last
  std::size_t sweeps = 0;                          ///< that have not ended
  v1::JobCounts jobs;                              ///< of these sweeps, control jobs excluded
};

class Coordinator {
 public:
  /// `settings` have passed Validate. `random` makes secrets and tokens.
  Coordinator(const Settings& settings, RandomSource random);

  /// First event: what is stored.
  void Load(Snapshot snapshot, const Now& now, Effects& effects);

  /// The newest process of an agent, as its Hello has it.
  struct Newest {
    std::string instance_id;
    std::uint32_t stream = 0;
    std::uint32_t start = 0;
  };
  /// By agent id, of those that have said Hello.
  std::map<std::string, Newest> NewestProcesses() const;
  /// Right after Load, when another state machine was in this one's place and could not store what it had decided:
  /// streams that were dialled in its time may still arrive, and would pass for the newest.
  void Recall(const std::map<std::string, Newest>& newest);

  // From agents. Sessions that are unknown (closed, or of the time before a restart) are ignored.

  absl::StatusOr<v1::EnrollResponse> Enroll(const v1::EnrollRequest& request, const Now& now, Effects& effects);
  /// A stream begins; the credential is the SHA-256 of what the agent presented. An unknown one is closed.
  void Open(SessionId session, std::string_view credential_sha256, const Now& now, Effects& effects);
  /// Seconds for which nothing more is to be read from this session, since its agent says more than its quota.
  double Receive(SessionId session, v1::AgentMessage message, const Now& now, Effects& effects);
  /// A stream is over. `in_good_order`: the agent ended it, nothing broke.
  void Closed(SessionId session, bool in_good_order, const Now& now, Effects& effects);
  /// Time has passed; due every Settings::TickSeconds.
  void Tick(const Now& now, Effects& effects);

  // From the operator. Errors: see proto/rsg/v1/control.proto.

  absl::StatusOr<v1::SubmitSweepResponse> SubmitSweep(const v1::SubmitSweepRequest& request, const Now& now,
                                                      Effects& effects);
  /// Whether the sweep has not ended; the others are only in the store.
  bool IsLive(std::int64_t sweep) const { return sweeps_.contains(sweep); }
  /// Highest sweep number given so far; 0: none.
  std::int64_t last_sweep() const { return last_sweep_; }
  /// `sweep` is live, else NOT_FOUND.
  absl::StatusOr<v1::CancelSweepResponse> CancelSweep(std::int64_t sweep, const Now& now, Effects& effects);
  /// An ended sweep comes with what is stored of it.
  struct Ended {
    SweepRecord sweep;
    std::vector<JobRecord> jobs;
    std::vector<v1::Job> controls;  ///< the control jobs among them, as they are shown
  };
  absl::StatusOr<v1::RetrySweepResponse> RetrySweep(std::int64_t sweep, std::optional<Ended> ended, const Now& now,
                                                    Effects& effects);
  absl::StatusOr<v1::DrainAgentResponse> DrainAgent(const v1::DrainAgentRequest& request, const Now& now,
                                                    Effects& effects);
  /// Its credential is worth nothing from now on: its stream is closed, its attempts lost. Its devices go to whoever
  /// announces them next.
  absl::StatusOr<v1::RevokeAgentResponse> RevokeAgent(const v1::RevokeAgentRequest& request, const Now& now,
                                                      Effects& effects);
  absl::StatusOr<Tokens::Made> CreateToken(const v1::CreateTokenRequest& request, const Now& now, Effects& effects);
  absl::Status RevokeToken(const v1::RevokeTokenRequest& request, Effects& effects);

  // Views; nothing changes.

  /// Whether who presents the credential may have the script: it is that of an attempt that he has in hand. Errors as
  /// Fleet.FetchScript in proto/rsg/v1/fleet.proto.
  absl::Status MayFetchScript(std::string_view credential_sha256, const v1::FetchScriptRequest& request) const;
  /// SHA-256 of the scripts of all sweeps that have not ended.
  std::set<std::string> LiveScripts() const;

  const Tokens& tokens() const { return tokens_; }
  v1::ListAgentsResponse ListAgents(const Now& now) const;
  Overview Look() const;
  /// NOT_FOUND when the sweep is not live.
  absl::StatusOr<v1::SweepStatus> Status(std::int64_t sweep, const Now& now) const;
  /// A live sweep's jobs that are assigned or running.
  std::vector<v1::Job> LiveJobs(std::int64_t sweep, const Now& now) const;
  /// Messages that were refused, by reason ("gap", "stale", "window", "result", ...), since the start; as "slowed"
  /// those that were taken and over the quota.
  const std::map<std::string, std::uint64_t>& rejected() const { return rejected_; }

 private:
  struct Session {
    Agent* agent = nullptr;
    double opened = 0;  // active time
  };
  struct Attempt {
    AttemptKey key;
    std::string token;
    std::string instance_id;
    Agent* agent = nullptr;
    bool running = false;
    std::uint32_t last_sequence = 0;
    double assigned_unix = 0;
    double known_since = 0;  // monotonic: since it was handed out, or since a restart
    std::optional<double> started_unix;
    double measured_seconds = 0;  // of the windows since the coordinator's start, warm-up excluded
    std::uint64_t measured_samples = 0;
  };
  struct End {
    v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;
    std::string error;
    std::optional<v1::Result> result = std::nullopt;
    std::string log_tail = {};
    double runtime_seconds = 0;
    // Unless unspecified, the job ends so, too, whatever is left of its budgets.
    v1::Outcome job = v1::OUTCOME_UNSPECIFIED;
    bool free = false;  // nobody's fault: costs no budget
  };

  // coordinator.cpp
  void Advance(const Now& now);
  void Settle(const Now& now, Effects& effects);
  void Offer(Agent& agent, const Now& now, Effects& effects);
  std::optional<JobKey> NextFor(const Agent& agent) const;
  bool MustWait(const Agent& agent, const JobKey& next) const;
  void HandOut(Agent& agent, const JobKey& job, const Now& now, Effects& effects);
  void SendAssign(const Attempt& attempt, Effects& effects);
  void EndSweepIfDone(Sweep& sweep, const Now& now, Effects& effects);
  void EndSweep(Sweep& sweep, v1::SweepState state, const Now& now, Effects& effects);
  void PutJobChange(Sweep& sweep, std::int64_t job, Effects& effects);
  void ForgetOldRequests(const std::string& ended_request);

  // agents.cpp
  v1::AgentState StateOf(const Agent& agent) const;
  void PutAgentChange(Agent& agent, const Now& now, Effects& effects);
  void Log(Agent& agent, LogEntry::Level level, std::string text, Effects& effects, LogFields fields = {});
  static LogEntry LineAbout(const Agent& agent, LogEntry::Level level, std::string_view text, LogFields fields);
  void OnLogLines(Agent& agent, const v1::LogLines& lines, Effects& effects);
  void ShutOut(Agent& agent, const Now& now, Effects& effects);
  static absl::Status Revoked();
  void Reject(Agent& agent, const char* reason, std::string text, Effects& effects, LogFields fields = {});

  // sessions.cpp
  void OnHello(SessionId session, Agent& agent, v1::Hello& hello, const Now& now, Effects& effects);
  void SetDraining(Agent& agent, bool draining, const Now& now, Effects& effects);
  void Detach(Agent& agent, bool in_good_order, const Now& now, Effects& effects);
  void CloseSession(SessionId session, absl::Status reason, const Now& now, Effects& effects);
  void UpdateRecord(Agent& agent, v1::Hello& hello);

  // ownership.cpp
  void ClaimDevices(Agent& agent, const Now& now, Effects& effects);
  bool Claim(Agent& agent, const std::string& device_id, const Now& now, Effects& effects);
  // Leaves a device that the agent does not announce any more to others, once nothing that was measured there is still
  // to be delivered: what comes next on the device may depend on how that ended.
  void ReleaseIfDone(const Agent& agent, const std::string& device_id);
  std::vector<AttemptKey> AttemptsOn(const Agent& agent, const std::string& device_id) const;

  // resume.cpp
  void ResumeInHand(Agent& agent, const v1::Hello& hello, const Now& now, Effects& effects);
  bool Resume(Agent& agent, Attempt& attempt, const v1::Hello& hello, bool free, const Now& now, Effects& effects);

  // attempts.cpp
  const Attempt* FindAttempt(const Agent& agent, const std::string& attempt_id, const std::string& token) const;
  Attempt* FindAttempt(const Agent& agent, const std::string& attempt_id, const std::string& token);
  void OnStarted(Agent& agent, const v1::AttemptStarted& message, const Now& now, Effects& effects);
  void OnFinished(Agent& agent, v1::AttemptFinished& finished, const Now& now, Effects& effects);
  void AnswerStaleEnd(Agent& agent, const v1::AttemptFinished& finished, Effects& effects);
  bool WasAccepted(const Agent& agent, const std::string& attempt_id, const std::string& token) const;
  void Start(Attempt& attempt, const Now& now, Effects& effects);
  void RefuseStale(Agent& agent, const std::string& attempt_id, const std::string& token, const char* what,
                   Effects& effects);

  // quotas.cpp
  Quota& QuotaOf(Agent& agent) const;
  double Charge(Agent& agent, const v1::AgentMessage& message, Effects& effects);

  // windows.cpp
  std::uint32_t MostWindows(const Attempt& attempt) const;
  void OnWindows(Agent& agent, v1::WindowBatch& batch, const Now& now, Effects& effects);
  void TakeWindows(Attempt& attempt, v1::WindowBatch& batch, Effects& effects);
  void SendAck(const Attempt& attempt, Effects& effects);

  // endings.cpp
  void Conclude(Attempt& attempt, End end, const Now& now, Effects& effects);
  static LogEntry EndLine(const Attempt& attempt, const End& end);
  static EndAttempt MakeEndAttempt(const Attempt& attempt, const End& end, const Now& now);
  void CancelAttempt(Attempt& attempt, End end, const std::string& reason, const Now& now, Effects& effects);
  static void SendCancel(const Agent& agent, const std::string& attempt_id, const std::string& token,
                         const std::string& reason, Effects& effects);
  /// `free`: at no cost, if it has not begun.
  void LoseAttempt(Attempt& attempt, const std::string& why, bool free, const Now& now, Effects& effects);
  static double Took(const Attempt& attempt, const End& end, const Now& now);
  void Stop(Agent& agent, const std::string& attempt_id);
  void EndJob(const JobKey& job, v1::Outcome outcome, std::string reason, const Now& now, Effects& effects);
  void AfterAttempt(const JobKey& job, const End& end, bool started, const Now& now, Effects& effects);
  void Prune(Sweep& sweep, std::int64_t job, const Now& now, Effects& effects);

  // controls.cpp
  static v1::Limits LimitsOf(const Sweep& sweep, std::int64_t job);
  static void KeepControl(Sweep& sweep, const Attempt& attempt, const v1::Result& result);
  static void RestoreControl(Sweep& sweep, std::int64_t job, const v1::Job& shown);
  void SkipControlWithoutStart(Sweep& sweep, std::int64_t job, const Now& now, Effects& effects);
  void GiveUpControlsOfGoneMachines(Sweep& sweep, const Now& now, Effects& effects);
  bool IsGone(const std::string& device_id) const;
  void RetryControls(Sweep& sweep, const Sweep::OnDevice& device, Effects& effects);

  // selection.cpp
  void AddCandidates(const v1::DeviceSelector& selector, v1::DeviceKind kind, Agent& agent,
                     std::vector<Candidate>* candidates) const;
  std::vector<Candidate> Candidates(const v1::DeviceSelector& selector, v1::DeviceKind kind);
  std::vector<Candidate> Select(const Sweep& sweep, std::span<const Candidate> candidates) const;

  // slots.cpp
  double Absence(const std::string& device_id) const;
  std::vector<Candidate> TakersOf(const Sweep& sweep, const std::string& device_name,
                                  std::span<const std::uint32_t> cells);
  void MoveSlots(Sweep& sweep, const Now& now, Effects& effects);
  void MoveSlot(Sweep& sweep, std::span<const std::size_t> devices, const Now& now, Effects& effects);
  void EmptySlot(Sweep& sweep, std::size_t device, const std::string& reason, const Now& now, Effects& effects);

  // submit.cpp
  void Describe(const Sweep& sweep, std::span<const Candidate> candidates, std::span<const Candidate> selected,
                v1::SubmitSweepResponse* response) const;
  void Join(Sweep& sweep, std::span<const Candidate> selected, const Now& now, Effects& effects);
  void JoinOpenSweeps(Agent& agent, const Now& now, Effects& effects);

  // restore.cpp
  void LoadSweep(SweepRecord record, const Now& now, Effects& effects);
  void LoadAttempt(const AttemptRecord& record, const Now& now, Effects& effects);
  void QueueLoadedJobs(Sweep& sweep, Effects& effects);

  // views.cpp
  v1::SweepStatus StatusOf(const Sweep& sweep, const Now& now) const;
  v1::Job LiveJob(const Sweep& sweep, const Attempt& attempt, const Now& now) const;
  bool IsAbsent(const std::string& device_id) const;
  void AddAbsent(const Sweep& sweep, const Now& now, v1::SweepStatus* status) const;
  std::optional<double> Eta(const Sweep& sweep, const Now& now) const;

  const Settings settings_;
  const RandomSource random_;

  // Active time: seconds in which the coordinator ran.
  double active_ = 0;
  std::optional<double> advanced_;  // monotonic time of the last event

  std::map<std::string, std::unique_ptr<Agent>, std::less<>> agents_;  // by id; never removed
  std::unordered_map<std::string, Agent*> by_credential_;              // by its SHA-256
  std::unordered_map<SessionId, Session> sessions_;
  Tokens tokens_;
  Devices devices_;
  std::map<AttemptKey, Attempt> attempts_;  // that have not ended
  std::map<std::int64_t, Sweep> sweeps_;    // that have not ended
  std::int64_t last_sweep_ = 0;
  std::unordered_map<std::string, v1::SubmitSweepResponse> requests_;  // by request id: live sweeps, the last ended
  std::deque<std::string> ended_requests_;                             // oldest first, bounded
  std::map<std::string, std::uint64_t> rejected_;

  // What an event may have changed; looked at by Settle.
  std::set<std::string> idle_;          // ids of agents that may take something
  std::set<std::int64_t> maybe_done_;   // sweeps that may have ended
  std::set<std::string> with_contest_;  // ids of agents with contested devices
};

}  // namespace rsg::schedule
