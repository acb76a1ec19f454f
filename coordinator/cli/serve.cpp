// `rsg serve`: the coordinator in the foreground, until a signal.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>

#include "common/arguments.hpp"
#include "common/core_dump.hpp"
#include "common/duration.hpp"
#include "common/log.hpp"
#include "common/version.hpp"
#include "coordinator/cli/config.hpp"
#include "coordinator/cli/interrupt.hpp"
#include "coordinator/cli/output.hpp"
#include "coordinator/cli/state_folder.hpp"
#include "coordinator/server/address.hpp"
#include "coordinator/server/server.hpp"
#include "coordinator/wandb/settings.hpp"

namespace rsg::cli {
namespace {

constexpr double kSleepSeconds = 3600;

constexpr const char* kFooter =
    R"(The first line on standard output is "listening HOST:PORT". The join line, which attaches machines, is printed on a
terminal only; it is also in the file `join` of the state folder, as is the operator's line in `operator` (for this
machine) and `operator-remote` (for others). All three are secrets.

Results also go to Weights & Biases when there is a key: WANDB_API_KEY, an entry in ~/.netrc, or the file `wandb-key`
(0600) in the state folder. WANDB_PROJECT (ready-steady-go), WANDB_ENTITY and WANDB_BASE_URL say where;
'rsg wandb status' tells how it goes.

Ctrl-C ends it in good order: agents go on measuring and come back when it runs again on the same state folder.

Examples:
  rsg serve --advertise coordinator.example.org:7700
  rsg serve --listen 127.0.0.1:0 --state /tmp/try)";

struct Flags {
  server::ServerOptions options;
  std::string state;
  std::string log_level = "info";
  std::string log_format = "text";
  bool heartbeat_given = false;
};

void AddDuration(CLI::App& app, const std::string& name, double* seconds, const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [name, seconds](const std::string& text) {
           const auto parsed = ParseDuration(text);
           if (!parsed.ok()) throw CLI::ValidationError(name, std::string(parsed.status().message()));
           *seconds = *parsed;
         },
         help)
      ->type_name("DURATION")
      ->default_str(fmt::format("{}s", *seconds));
}

void AddBytes(CLI::App& app, const std::string& name, std::uint64_t* bytes, const std::string& help) {
  constexpr double kGiB = 1 << 30;
  app.add_option_function<double>(
         name, [bytes](double gib) { *bytes = static_cast<std::uint64_t>(gib * kGiB); }, help)
      ->type_name("GIB")
      ->check(Within(0.001, 4096.0))
      ->default_str(fmt::format("{}", static_cast<double>(*bytes) / kGiB));
}

void AddSettings(CLI::App& app, schedule::Settings* settings) {
  AddDuration(app, "--lost-after", &settings->lost_after_seconds, "Silence after which an agent is shown LOST");
  AddDuration(app, "--hello-within", &settings->hello_seconds, "A stream on which no agent says Hello is closed then");
  AddDuration(app, "--heartbeat", &settings->heartbeat_seconds,
              "Between an agent's heartbeats; at most a third of --lost-after");
  AddDuration(app, "--flush", &settings->flush_seconds, "Agents send windows at least this often");
  AddDuration(app, "--kill-after", &settings->kill_after_seconds, "Between SIGTERM and SIGKILL of a trainer");
  AddDuration(app, "--reconnect-cap", &settings->reconnect_cap_seconds,
              "Longest wait of an agent between attempts to connect");
  app.add_option("--max-unacked", settings->max_unacked, "Windows an agent has in flight")->capture_default_str();
  app.add_option("--max-spooled", settings->max_spooled_windows, "Windows an agent keeps while it cannot deliver")
      ->capture_default_str();
  app.add_option("--jobs-ahead", settings->jobs_ahead,
                 "Jobs an agent is handed beside the one it runs, to go on with while the coordinator is away; 0: none")
      ->capture_default_str();
  AddDuration(app, "--slot-timeout", &settings->slot_timeout_seconds,
              "LOST for so long, a machine of a sweep with --machines makes room for another");
  app.add_option("--infrastructure-attempts", settings->infrastructure_attempts,
                 "Attempts lost to infrastructure before a job ends LOST")
      ->capture_default_str();
  app.add_option("--cell-attempts", settings->cell_attempts, "Attempts that fail before a job ends FAILED")
      ->capture_default_str();
}

void Announce(const server::Server& server, const std::filesystem::path& state) {
  std::cout << "listening " << server.address() << '\n';
  std::cout << "state folder " << state.string() << '\n';
  if (!server.http_address().empty()) std::cout << "http " << server.http_address() << '\n';
  if (isatty(STDOUT_FILENO) != 0)
    std::cout << "\nTo attach a machine, run rsg-agent there with this secret in its environment:\n\nRSG_JOIN="
              << server.join_line() << "\n\n";
  else
    std::cout << "join line in " << (state / "join").string() << '\n';
  std::cout << std::flush;
  const auto advertised = server::ParseAddress(server.advertised(), "advertise");
  if (!advertised.ok() || !server::IsLocalOnly(advertised->host)) return;
  spdlog::warn(
      "agents are told to dial {}, which only this machine or its own network can reach. For machines outside: run the "
      "coordinator on a VPS, or forward a port of your router, or open a tunnel, and name the outer address with "
      "--advertise HOST:PORT",
      server.advertised());
}

void AnnounceHttp(const server::Server& server) {
  if (server.http_address().empty()) return;
  const auto where = server::ParseAddress(server.http_address(), "http");
  const bool loopback = where.ok() && server::IsLoopback(where->host);
  spdlog::info("http://{} serves /healthz and /metrics{}", server.http_address(),
               loopback ? "" : ", to whoever reaches it: it asks for no credential and shows no secret");
}

// One line: where results go, or how to have them go there.
void AnnounceWandb(const wandb::Settings& settings) {
  if (!settings.key.empty())
    spdlog::info("W&B: results go to {}, entity {}, project {}; key from {}", settings.base_url,
                 settings.target.entity.empty() ? "of the key" : settings.target.entity, settings.target.project,
                 settings.source);
  else
    spdlog::info(
        "W&B: off{}; to switch it on, start with WANDB_API_KEY, a netrc entry for {}, or the file 'wandb-key' "
        "(0600) in the state folder",
        settings.source.empty() ? "" : " (" + settings.source + ")", wandb::HostOf(settings.base_url));
}

// Each agent takes one.
void RaiseDescriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  constexpr rlim_t kEnough = 65536;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, kEnough));
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Whoever reads JSON finds nothing else on standard error.
int Fail(const absl::Status& status, const Flags& flags) {
  if (flags.log_format != "json") return Report(status);
  spdlog::error(std::string(status.message()));
  return absl::IsInvalidArgument(status) ? kUsage : kFailed;
}

int Serve(Flags flags) {
  if (auto log = SetUpLog(flags.log_level, flags.log_format); !log.ok()) return Report(log);
  server::ServerOptions& options = flags.options;
  options.state_folder = CoordinatorState(flags.state);
  schedule::Settings& settings = options.settings;
  if (!flags.heartbeat_given)
    settings.heartbeat_seconds = std::min(settings.heartbeat_seconds, settings.lost_after_seconds / 3);
  // First of all, so that a folder that cannot be used is told as that, not as a key of W&B that cannot be read.
  if (auto made = MakeStateFolder(options.state_folder); !made.ok()) return Fail(made, flags);
  auto wandb = wandb::LoadSettings(ProcessEnvironment, options.state_folder);
  if (!wandb.ok()) return Fail(wandb.status(), flags);
  options.wandb = *std::move(wandb);
  ForbidCoreDumps();
  RaiseDescriptors();
  const Interrupts interrupts;
  auto server = server::Server::Start(options);
  if (!server.ok()) return Fail(server.status(), flags);
  Announce(**server, options.state_folder);
  spdlog::info("rsg {} serves; agents dial {}", kVersion, (*server)->advertised());
  AnnounceHttp(**server);
  AnnounceWandb(options.wandb);
  while (interrupts.count() == 0) WaitReadable({interrupts.fd()}, kSleepSeconds);
  spdlog::info("stopping; agents go on with what they have and come back");
  (*server)->Stop();
  return kDone;
}

}  // namespace

void AddServe(CLI::App& parent, int& exit_code) {
  CLI::App& app = *parent.add_subcommand("serve", "Run the coordinator");
  const auto flags = std::make_shared<Flags>();
  app.footer(kFooter);
  app.add_option("--state", flags->state, "State folder; default $RSG_STATE, else ~/.local/state/rsg/coordinator")
      ->type_name("FOLDER");
  app.add_option("--listen", flags->options.listen, "Address to listen on; port 0: any free one")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option(
         "--http", flags->options.http,
         "Serve /healthz and /metrics (Prometheus) over plain HTTP there. They ask for no credential and show no "
         "secret. Default: not served")
      ->type_name("HOST:PORT");
  app.add_option("--advertise", flags->options.advertise,
                 "Address under which agents reach it; goes into join lines. Default: this machine's own")
      ->type_name("HOST:PORT");
  AddBytes(app, "--script-size", &flags->options.scripts.file_bytes, "Largest TorchScript file that is taken");
  AddBytes(app, "--script-space", &flags->options.scripts.total_bytes,
           "For all such files; the least recently used make room");
  AddSettings(app, &flags->options.settings);
  app.add_option("--log-level", flags->log_level, "trace, debug, info, warn, error or off")->capture_default_str();
  app.add_option("--log-format", flags->log_format,
                 "text, or json: an object a line, with sweep_id, job_id, attempt_id, agent_id where it is about one")
      ->capture_default_str();
  app.callback([&app, flags, &exit_code] {
    flags->heartbeat_given = app.count("--heartbeat") > 0;
    exit_code = Serve(*flags);
  });
}

}  // namespace rsg::cli
