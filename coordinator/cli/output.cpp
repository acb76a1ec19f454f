#include "coordinator/cli/output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "coordinator/cli/refusal.hpp"
#include "coordinator/cli/text.hpp"

namespace rsg::cli {

void AddOutputFlags(CLI::App& app, OutputFlags* flags) {
  app.add_option("-o,--output", flags->output, "table, json or csv; default: $RSG_OUTPUT, else table")
      ->type_name("FORMAT")
      ->group("General");
  app.add_option("--color", flags->color, "auto, always or never")->type_name("WHEN")->group("General");
}

absl::StatusOr<Output> MakeOutput(const OutputFlags& flags) {
  auto config = LoadConfig();
  if (!config.ok()) return config.status();
  const auto pick = [](const std::string& flag, const char* variable, const std::optional<std::string>& configured,
                       const char* otherwise) {
    if (!flag.empty()) return flag;
    if (const auto value = ProcessEnvironment(variable)) return *value;
    return configured.value_or(otherwise);
  };
  const std::string format_word = pick(flags.output, "RSG_OUTPUT", config->output, "table");
  const std::string color_word = pick(flags.color, "RSG_COLOR", config->color, "auto");
  const auto format = ParseFormat(format_word);
  if (!format) return RefuseWord("output", format_word, std::vector<std::string>{"table", "json", "csv"});
  const auto color = ParseColorChoice(color_word);
  if (!color) return RefuseWord("color", color_word, std::vector<std::string>{"auto", "always", "never"});
  return Output{*std::move(config), *format, *color};
}

std::unique_ptr<Table> StandardTable(const Output& output, std::vector<Column> columns) {
  return MakeTable(output.format, std::move(columns), StyleOf(STDOUT_FILENO, output.color), std::cout);
}

int FinishOutput() {
  errno = 0;
  std::cout.flush();
  if (std::cout.good()) return kDone;
  if (errno != EPIPE) Say("cannot write to standard output");
  return kFailed;
}

absl::Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EPIPE) return absl::UnavailableError("the reader went away");
    if (written < 0) return absl::ErrnoToStatus(errno, "cannot write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

void Say(std::string_view text) {
  std::string line = "rsg: ";
  // A message may have lines of its own (the tail of a log); what is in them must not steer the terminal.
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    line += Printable(text.substr(start, end - start), true) + "\n";
    start = end + 1;
  }
  (void)WriteAll(STDERR_FILENO, line);
}

int Report(const absl::Status& status) {
  if (status.ok()) return kDone;
  Say(std::string(status.message()));
  return absl::IsInvalidArgument(status) ? kUsage : kFailed;
}

}  // namespace rsg::cli
