#include "coordinator/cli/output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "common/json.hpp"
#include "common/refusal.hpp"
#include "common/text.hpp"

namespace rsg::cli {
namespace {

struct Setting {
  std::string word;
  std::string source;  // where a person can correct it
};

Setting Pick(const char* name, const std::string& flag, const char* variable,
             const std::optional<std::string>& configured, const char* otherwise) {
  if (!flag.empty()) return {flag, name};
  if (const auto value = ProcessEnvironment(variable)) return {*value, variable};
  if (configured) return {*configured, fmt::format("{}: {}", ConfigPath(ProcessEnvironment).string(), name)};
  return {otherwise, name};
}

}  // namespace

void AddOutputFlags(CLI::App& app, OutputFlags* flags) {
  app.add_option("-o,--output", flags->output, "table, json or csv; default: $RSG_OUTPUT, else table")
      ->type_name("FORMAT")
      ->group("General");
  app.add_option("--color", flags->color, "auto, always or never; default: $RSG_COLOR, else auto")
      ->type_name("WHEN")
      ->group("General");
}

absl::StatusOr<Output> MakeOutput(const OutputFlags& flags) {
  auto config = LoadConfig();
  if (!config.ok()) return config.status();
  const Setting format_word = Pick("output", flags.output, "RSG_OUTPUT", config->output, "table");
  const Setting color_word = Pick("color", flags.color, "RSG_COLOR", config->color, "auto");
  const auto format = ParseFormat(format_word.word);
  if (!format) return RefuseWord(format_word.source, format_word.word, "table, json, csv");
  const auto color = ParseColorChoice(color_word.word);
  if (!color) return RefuseWord(color_word.source, color_word.word, "auto, always, never");
  return Output{*std::move(config), *format, *color};
}

std::unique_ptr<Table> StandardTable(const Output& output, std::vector<Column> columns) {
  return MakeTable(output.format, std::move(columns), StyleOf(STDOUT_FILENO, output.color), std::cout);
}

void PrintReply(const Output& output, const google::protobuf::Message& reply, std::vector<Column> columns,
                const std::vector<Row>& rows) {
  if (output.format == Format::kJson) std::cout << ToJson(reply) << '\n';
  if (output.format != Format::kCsv) return;
  const auto table = StandardTable(output, std::move(columns));
  for (const Row& row : rows) table->Add(row);
  table->Finish();
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
