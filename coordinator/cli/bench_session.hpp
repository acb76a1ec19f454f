// A coordinator and an agent on this machine, for as long as one `rsg bench` runs.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/cli/agent_process.hpp"
#include "coordinator/cli/client.hpp"
#include "coordinator/cli/interrupt.hpp"
#include "coordinator/server/server.hpp"

namespace rsg::cli {

/// Used from one thread, the main one. Destruction stops all.
class BenchSession {
 public:
  /// Starts the coordinator (in this process, on a free port of loopback) in `state`, and rsg-agent beside it; ends
  /// what an interrupted earlier run has left queued there. Logs go to files in `state`. With a key in `wandb`
  /// results are forwarded.
  static absl::StatusOr<std::unique_ptr<BenchSession>> Start(const std::filesystem::path& state,
                                                             const std::filesystem::path& agent_program,
                                                             const wandb::Settings& wandb);

  /// Waits until the agent is attached. CANCELLED at an interrupt; ABORTED with its log when it died; DEADLINE_EXCEEDED
  /// when it took too long.
  absl::Status WaitForAgent(const Interrupts& interrupts);

  /// OK while the agent runs.
  absl::Status CheckAgent() { return agent_->Check(); }

  Client* client() { return client_.get(); }

  /// Ends agent and coordinator. An idle agent ends at once; one that is at work is given `patience_seconds`.
  void Stop(double patience_seconds, const Interrupts& interrupts);

  ~BenchSession();
  BenchSession(const BenchSession&) = delete;
  BenchSession& operator=(const BenchSession&) = delete;

 private:
  BenchSession() = default;
  absl::Status CancelLeftovers();

  std::filesystem::path state_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<Client> client_;
  std::optional<AgentProcess> agent_;
};

}  // namespace rsg::cli
