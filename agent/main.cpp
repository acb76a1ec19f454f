// rsg-agent: lists the parts and puts them together.
#include <malloc.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <random>

#include "agent/agent.hpp"
#include "agent/connection/membership.hpp"
#include "agent/connection/script_link.hpp"
#include "agent/facts/facts.hpp"
#include "agent/facts/host.hpp"
#include "agent/facts/trainer.hpp"
#include "agent/job/environment.hpp"
#include "agent/options.hpp"
#include "agent/spool/folder.hpp"
#include "agent/spool/spool_log.hpp"
#include "agent/spool/starts.hpp"
#include "common/clock.hpp"
#include "common/files.hpp"
#include "common/fingerprint.hpp"
#include "common/log.hpp"
#include "common/secret.hpp"
#include "common/version.hpp"

namespace rsg::agent {
namespace {

constexpr double kGpuInfoSeconds = 20;
constexpr double kInfoSeconds = 120;  // a first look at a cold disk, and CUDA's start on a machine with many GPUs
// As large as the vocabulary can name; the older ones make room for what a job needs.
constexpr ContentStore::Limits kScriptLimits{.file_bytes = 0xffffffff, .total_bytes = std::uint64_t{8} << 30};
constexpr int kFailed = 1;
constexpr int kUsage = 2;

int Fail(const absl::Status& status, int code = kFailed) {
  spdlog::error(std::string(status.message()));
  return code;
}

/// Blocks the signals that end the agent, in this thread and all that it starts, and gives a descriptor to read them.
int SignalDescriptor() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more is no reason to end
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/// What an earlier process has left, for the state machine; the rest is for the log.
std::vector<KeptAttempt> OpenSpool(SpoolLog* spool) {
  SpoolLog::Found found = spool->Open();
  for (const Log& log : found.log) LogLine(log.level, log.text, log.fields);
  return std::move(found.attempts);
}

int RunAgent(const Options& options, Membership membership) {
  const auto environment = ChildEnvironment(environ);
  const auto trainer = FindTrainer(options.trainer);
  if (!trainer.ok()) return Fail(trainer.status());
  std::vector<std::string> words;
  const auto info = AskTrainer(*trainer, environment, kInfoSeconds, &words);
  if (!info.ok()) return Fail(info.status());
  for (const std::string& line : words) spdlog::warn("the trainer says: {}", line);
  const auto facts = GatherFacts(*info, Sha256Hex(membership.credential), "/", options.state_folder);
  if (!facts.ok()) return Fail(facts.status());
  bool gpu = false;
  for (const v1::Device& device : facts->devices()) gpu = gpu || device.kind() == v1::DEVICE_KIND_GPU;
  for (const v1::Device& device : facts->devices()) spdlog::info("device {}: {}", device.id(), device.name());

  // From here on a signal drains; before, it simply ends a process that holds nothing.
  const Descriptor signals(SignalDescriptor());
  FleetLink link({.coordinator = {.kind = JoinKind::kAgent,
                                  .address = membership.address,
                                  .ca_pem = membership.ca_pem,
                                  .secret = membership.credential},
                  .join_token = options.join ? options.join->secret : "",
                  .name = options.name});
  ScriptLink scripts({.kind = JoinKind::kAgent,
                      .address = membership.address,
                      .ca_pem = membership.ca_pem,
                      .secret = membership.credential});
  std::mt19937_64 generator{std::random_device{}()};
  const Random random = [&] { return std::generate_canonical<double, 53>(generator); };
  ContentStore script_files(options.state_folder / "scripts", kScriptLimits);
  ScriptFetcher fetcher(&script_files, &scripts, random);
  // A coordinator's own: another one knows nothing of its attempts, and would have them thrown away.
  SpoolFolder spool_folder(options.state_folder / ("spool-" + Fingerprint({membership.ca_pem})));
  SpoolLog spool(&spool_folder);
  const StartNumber start = CountStart(options.state_folder, SystemClock().Unix());
  if (!start.kept.ok()) spdlog::warn(std::string(start.kept.message()));
  Machine machine({.name = options.name,
                   .instance_id = RandomHex(16),
                   .boot_id = BootId("/"),
                   .start = start.value,
                   .machine = *facts,
                   .cpu_info = CpuInfo("/"),
                   .gpu_info = gpu ? GpuInfo(environment, kGpuInfoSeconds) : "",
                   .enrolled = membership.enrolled,
                   .can_enrol = options.join.has_value(),
                   .kept = OpenSpool(&spool),
                   .drain_limit_seconds = options.drain_limit_seconds},
                  random);
  JobRunner runner;
  Agent agent({.machine = &machine,
               .link = &link,
               .runner = &runner,
               .fetcher = &fetcher,
               .spool = &spool,
               .script_fd = scripts.fd(),
               .signal_fd = signals.get(),
               .trainer = *trainer,
               .state_folder = options.state_folder,
               .child_environment = environment,
               .on_enrolled = [&] { return SaveEnrolled(options.state_folder, &membership); }});
  spdlog::info("coordinator at {}", membership.address);
  return agent.Run();
}

int Main(int argc, char** argv) {
  Options options;
  if (const auto early = ReadOptions(argc, argv, &options)) {
    std::fputs(early->text.c_str(), early->code == 0 ? stdout : stderr);
    return early->code;
  }
  if (const auto log = SetUpLog(options.log_level, options.log_format); !log.ok()) {
    std::fprintf(stderr, "rsg-agent: --%s\n", std::string(log.message()).c_str());
    return kUsage;
  }
  if (auto status = MakeStateFolder(options.state_folder); !status.ok()) return Fail(status);
  const auto lock = FileLock::Acquire(options.state_folder / "lock");
  if (!lock.ok()) return Fail(lock.status());
  const bool member = options.join.has_value();
  const auto membership = OpenMembership(options.state_folder, options.join);
  if (!membership.ok())
    return Fail(membership.status(), !member && absl::IsInvalidArgument(membership.status()) ? kUsage : kFailed);
  spdlog::info("rsg-agent {} '{}', state in {}", kVersion, options.name, options.state_folder.string());
  return RunAgent(options, *membership);
}

}  // namespace
}  // namespace rsg::agent

int main(int argc, char** argv) {
  // gRPC's threads do little; an arena for each of them would cost more memory than they ever use.
  mallopt(M_ARENA_MAX, 2);
  // gRPC's own log says again, in its own way, what the statuses say. Whoever asks for it gets it.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  return rsg::agent::Main(argc, argv);
}
