// What all verbs share: flags for output, data on standard output, everything else on standard error, exit codes.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include <google/protobuf/message.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/cli/config.hpp"
#include "coordinator/cli/table.hpp"
#include "coordinator/cli/terminal.hpp"
#include "coordinator/cli/verbs.hpp"

namespace rsg::cli {

struct OutputFlags {
  std::string output;
  std::string color;
};

/// -o/--output and --color. `flags` outlives the parsing.
void AddOutputFlags(CLI::App& app, OutputFlags* flags);

/// How a verb prints, by flags over environment (RSG_OUTPUT) over configuration.
struct Output {
  Config config;
  Format format = Format::kTable;
  ColorChoice color = ColorChoice::kAuto;
};
absl::StatusOr<Output> MakeOutput(const OutputFlags& flags);

/// A table on standard output.
std::unique_ptr<Table> StandardTable(const Output& output, std::vector<Column> columns);

/// For programs, what a verb that changes something answers: with JSON `reply` as an object, with CSV these rows.
/// People are told by Say().
void PrintReply(const Output& output, const google::protobuf::Message& reply, std::vector<Column> columns,
                const std::vector<Row>& rows);

/// Flushes standard output. kDone, or kFailed when it could not be written: said on standard error, but not for a
/// reader that went away, as head does.
int FinishOutput();

/// Writes all of `bytes` to the descriptor at once. UNAVAILABLE when its reader went away.
absl::Status WriteAll(int fd, std::string_view bytes);

/// A line for people on standard error: "rsg: TEXT".
void Say(std::string_view text);

/// Says why a verb failed, unless the status is OK. The exit code: kUsage for what was refused, kFailed otherwise.
int Report(const absl::Status& status);

}  // namespace rsg::cli
