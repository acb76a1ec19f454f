#include "agent/options.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "agent/facts/host.hpp"
#include "agent/protocol/text.hpp"
#include "common/arguments.hpp"
#include "common/duration.hpp"
#include "common/files.hpp"
#include "common/revision.hpp"
#include "common/version.hpp"

namespace rsg::agent {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr int kUsage = 2;

constexpr char kDescription[] =
    "Runs benchmark jobs of a Ready, Steady, Go! coordinator on this machine.\n"
    "The join line (what 'rsg serve' and 'rsg agents token' give) comes in the environment as RSG_JOIN or in a file;\n"
    "it is needed only once, the state folder remembers the coordinator.";

constexpr char kFooter[] =
    "Examples:\n"
    "  RSG_JOIN=... rsg-agent\n"
    "  rsg-agent --join-file join.txt --name laptop --state /var/lib/rsg/agent\n"
    "  rsg-agent --drain-limit 8s --log-format json               as under an orchestrator that kills after 10 s\n"
    "\n"
    "Ctrl-C or SIGTERM drains: the running job ends first, or is handed back (--drain-limit); the second one stops "
    "it.\n"
    "\n"
    "Exit codes: 0 drained, 1 failed, 2 usage, 3 refused or superseded: do not start it again as it is.";

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// The value of a secret variable, which is wiped where the kernel shows it to others (/proc/PID/environ).
std::string TakeSecretVariable(const char* name) {
  char* value = std::getenv(name);
  if (value == nullptr) return "";
  std::string taken = value;
  explicit_bzero(value, std::strlen(value));
  unsetenv(name);
  return taken;
}

absl::StatusOr<std::string> JoinText(const std::string& file) {
  const std::string text = TakeSecretVariable("RSG_JOIN");
  if (file.empty()) return text;
  return ReadSecretFile(file);
}

std::optional<EarlyExit> Wrong(absl::string_view what, const absl::Status& status) {
  return EarlyExit{kUsage, absl::StrCat("rsg-agent: ", what, status.message(), "\n")};
}

// `drain_limit`: the option's, which comes before the variable.
std::optional<EarlyExit> FillDrainLimit(const std::string& drain_limit, Options* options) {
  const std::string text = drain_limit.empty() ? Variable("RSG_DRAIN_LIMIT") : drain_limit;
  if (text.empty()) return std::nullopt;
  const auto seconds = ParseDuration(text);
  if (!seconds.ok()) return Wrong(drain_limit.empty() ? "RSG_DRAIN_LIMIT: " : "--drain-limit: ", seconds.status());
  options->drain_limit_seconds = *seconds;
  return std::nullopt;
}

std::optional<EarlyExit> FillIn(const std::string& join_file, const std::string& drain_limit, Options* options) {
  const auto join_text = JoinText(join_file);
  if (!join_text.ok()) return Wrong("--join-file: ", join_text.status());
  if (!join_text->empty() || !join_file.empty()) {
    auto join = ParseJoinLine(*join_text, JoinKind::kAgent);
    if (!join.ok()) return Wrong(join_file.empty() ? "RSG_JOIN: " : "--join-file: ", join.status());
    options->join = *std::move(join);
  }
  if (auto wrong = FillDrainLimit(drain_limit, options)) return wrong;
  if (options->state_folder.empty()) options->state_folder = DefaultStateRoot() / "agent";
  options->name = CleanHead(options->name.empty() ? Hostname() : options->name, kMaxName);
  return std::nullopt;
}

}  // namespace

std::optional<EarlyExit> ReadOptions(int argc, char** argv, Options* options) {
  std::string state = Variable("RSG_STATE");
  options->name = Variable("RSG_NAME");
  std::string join_file;
  std::string drain_limit;
  bool version = false;

  CLI::App app(kDescription, "rsg-agent");
  app.footer(kFooter);
  app.add_option("--join-file", join_file, "file (0600) that holds the join line, instead of RSG_JOIN");
  app.add_option("--state", state, "folder of this agent's own [RSG_STATE, ~/.local/state/rsg/agent]");
  app.add_option("--name", options->name, "what people call this agent [RSG_NAME, the host's name]");
  app.add_option("--trainer", options->trainer, "path of rsg-trainer [RSG_TRAINER, beside rsg-agent, PATH]");
  app.add_option(
      "--drain-limit", drain_limit,
      "after SIGTERM or Ctrl-C hand back a job that takes longer than this, e.g. 8s [RSG_DRAIN_LIMIT, none]");
  app.add_option("--log-level", options->log_level, "trace, debug, info, warn, error or off")->capture_default_str();
  app.add_option("--log-format", options->log_format,
                 "text, or json: an object a line, with sweep_id, job_id, attempt_id, agent_id where it is about one")
      ->capture_default_str();
  app.add_flag("--version", version, "show the version");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return EarlyExit{0, app.help()};
  } catch (const CLI::ParseError& error) {
    return EarlyExit{kUsage, absl::StrCat("rsg-agent: ", ExplainMistake(app, error), "\n")};
  }
  if (version) return EarlyExit{0, absl::StrCat("rsg-agent ", kVersion, " ", SourceRevision(), "\n")};
  options->state_folder = state;
  return FillIn(join_file, drain_limit, options);
}

}  // namespace rsg::agent
