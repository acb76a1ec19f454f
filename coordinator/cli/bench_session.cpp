#include "coordinator/cli/bench_session.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <utility>

#include "common/clock.hpp"
#include "common/files.hpp"
#include "common/log.hpp"
#include "coordinator/cli/output.hpp"
#include "coordinator/cli/watch_view.hpp"

namespace rsg::cli {
namespace {

constexpr double kAttachSeconds = 150;  // a first look at a cold disk, and CUDA's start on a machine with many GPUs
constexpr std::size_t kMaxLogBytes = 1 << 20;

// The coordinator's log must not run through the live picture.
absl::Status LogToFile(const std::filesystem::path& path) {
  try {
    auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path.string(), kMaxLogBytes, 1, true);
    auto logger = std::make_shared<spdlog::logger>("rsg", std::move(sink));
    logger->set_formatter(MakeLogFormatter(LogFormat::kText));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
    return absl::OkStatus();
  } catch (const spdlog::spdlog_ex& error) {
    return absl::UnavailableError(fmt::format("cannot write {}: {}", path.string(), error.what()));
  }
}

server::ServerOptions OptionsFor(const std::filesystem::path& state, const wandb::Settings& wandb) {
  server::ServerOptions options;
  options.state_folder = state;
  options.listen = "127.0.0.1:0";
  options.settings.flush_seconds = 0.25;  // the picture is to be alive, and there is one agent only
  options.settings.kill_after_seconds = 5;
  options.shutdown_seconds = 2;
  options.wandb = wandb;
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BenchSession>> BenchSession::Start(const std::filesystem::path& state,
                                                                  const std::filesystem::path& agent_program,
                                                                  const wandb::Settings& wandb) {
  if (auto s = MakeStateFolder(state); !s.ok()) return s;
  if (auto s = LogToFile(state / "coordinator.log"); !s.ok()) return s;
  std::unique_ptr<BenchSession> session(new BenchSession);
  session->state_ = state;
  auto server = server::Server::Start(OptionsFor(state, wandb));
  if (!server.ok()) return server.status();
  session->server_ = *std::move(server);
  auto line = ParseJoinLine(session->server_->operator_line(), JoinKind::kOperator);
  if (!line.ok()) return line.status();
  session->client_ = std::make_unique<Client>(*std::move(line));
  if (auto s = session->CancelLeftovers(); !s.ok()) return s;
  const auto agent_state = state / "agent";
  auto agent = AgentProcess::Start(
      agent_program,
      AgentEnvironment(environ, {"RSG_JOIN=" + session->server_->join_line(), "RSG_STATE=" + agent_state.string()}),
      state / "agent.log");
  if (!agent.ok()) return agent.status();
  session->agent_.emplace(*std::move(agent));
  return session;
}

absl::Status BenchSession::CancelLeftovers() {
  v1::ListSweepsRequest request;
  request.set_limit(1000);
  const auto sweeps = client_->Call(&v1::Control::Stub::ListSweeps, request);
  if (!sweeps.ok()) return sweeps.status();
  for (const v1::SweepStatus& sweep : sweeps->sweeps()) {
    if (HasEnded(sweep)) continue;
    v1::CancelSweepRequest cancel;
    cancel.set_sweep_id(sweep.sweep_id());
    const auto reply = client_->Call(&v1::Control::Stub::CancelSweep, cancel);
    if (!reply.ok()) return reply.status();
    Say(fmt::format("cancelled {}, which an earlier run has left unfinished", sweep.sweep_id()));
  }
  return absl::OkStatus();
}

absl::Status BenchSession::WaitForAgent(const Interrupts& interrupts) {
  const double deadline = SystemClock().Monotonic() + kAttachSeconds;
  while (SystemClock().Monotonic() < deadline) {
    if (interrupts.count() > 0) return absl::CancelledError("interrupted");
    if (auto s = agent_->Check(); !s.ok()) return s;
    const auto reply = client_->Call(&v1::Control::Stub::ListAgents, v1::ListAgentsRequest());
    if (!reply.ok()) return reply.status();
    for (const v1::Agent& agent : reply->agents())
      if (agent.state() == v1::AGENT_STATE_IDLE || agent.state() == v1::AGENT_STATE_BUSY) return absl::OkStatus();
    WaitReadable({interrupts.fd()}, 0.1);
  }
  return absl::DeadlineExceededError(
      fmt::format("rsg-agent did not attach within {:.0f} s; the end of its log, {}:\n{}", kAttachSeconds,
                  (state_ / "agent.log").string(), LastLines(state_ / "agent.log", 15)));
}

void BenchSession::Stop(double patience_seconds, const Interrupts& interrupts) {
  const int before = interrupts.count();
  if (agent_) agent_->Stop(patience_seconds, [&] { return interrupts.count() > before; });
  agent_.reset();
  client_.reset();
  if (server_ != nullptr) server_->Stop();
  server_.reset();
}

BenchSession::~BenchSession() {
  agent_.reset();  // kills it; Stop() is the kinder way
  client_.reset();
}

}  // namespace rsg::cli
