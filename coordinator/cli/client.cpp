#include "coordinator/cli/client.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "common/files.hpp"

namespace rsg::cli {
namespace {

absl::StatusOr<JoinLine> FromFile(const std::filesystem::path& path) {
  const auto text = ReadSecretFile(path);
  if (!text.ok()) return text.status();
  auto line = ParseJoinLine(*text, JoinKind::kOperator);
  if (!line.ok())
    return absl::Status(line.status().code(),
                        fmt::format("{}: {}", path.string(), std::string(line.status().message())));
  return line;
}

}  // namespace

void AddClientFlags(CLI::App& app, std::string* operator_file) {
  app.add_option("--operator-file", *operator_file,
                 "File with the operator's line; default: $RSG_OPERATOR (the line itself), else a coordinator on this "
                 "machine")
      ->type_name("FILE")
      ->group("General");
}

absl::StatusOr<JoinLine> FindOperatorLine(const std::string& operator_file, const Config& config) {
  if (!operator_file.empty()) return FromFile(operator_file);
  if (const auto text = ProcessEnvironment("RSG_OPERATOR")) {
    auto line = ParseJoinLine(*text, JoinKind::kOperator);
    if (!line.ok())
      return absl::Status(line.status().code(), fmt::format("RSG_OPERATOR: {}", std::string(line.status().message())));
    return line;
  }
  if (config.operator_file) {
    auto line = FromFile(*config.operator_file);
    if (line.ok()) return line;
    return absl::Status(line.status().code(),
                        fmt::format("{}: operator_file: {}", ConfigPath(ProcessEnvironment).string(),
                                    std::string(line.status().message())));
  }
  auto fallback = DefaultStateRoot() / "coordinator" / "operator";
  if (const auto state = ProcessEnvironment("RSG_STATE")) {
    std::error_code error;
    const auto there = std::filesystem::path(*state) / "operator";
    if (std::filesystem::exists(there, error)) fallback = there;
  }
  auto line = FromFile(fallback);
  if (!absl::IsNotFound(line.status())) return line;
  return absl::NotFoundError(
      fmt::format("no coordinator is known: {} does not exist; start 'rsg serve' on this machine, or copy the file "
                  "'operator-remote' from the state folder of a coordinator elsewhere and name it with --operator-file",
                  fallback.string()));
}

Client::Client(JoinLine line) : line_(std::move(line)) { DialAnew(); }

void Client::DialAnew() { stub_ = v1::Control::NewStub(MakeChannel(line_, kKeepaliveSeconds, kMaxListBytes)); }

absl::StatusOr<std::unique_ptr<Client>> Client::Find(const std::string& operator_file, const Config& config) {
  auto line = FindOperatorLine(operator_file, config);
  if (!line.ok()) return line.status();
  return std::make_unique<Client>(*std::move(line));
}

absl::StatusOr<v1::SweepStatus> Client::SweepNow(const std::string& sweep_id) {
  v1::WatchSweepRequest request;
  request.set_sweep_id(sweep_id);
  std::optional<v1::SweepStatus> now;
  const absl::Status status =
      Stream<v1::WatchSweepRequest, v1::SweepStatus>(&v1::Control::Stub::WatchSweep, request, [&](const auto& message) {
        now = message;
        return false;
      });
  if (!status.ok()) return status;
  if (!now) return absl::InternalError("the coordinator sent no state of the sweep");
  return *now;
}

void Client::Prepare(grpc::ClientContext* context, double seconds) const {
  Authorize(context, line_.secret);
  if (seconds > 0)
    context->set_deadline(std::chrono::system_clock::now() +
                          std::chrono::milliseconds(static_cast<int>(seconds * 1e3)));
}

absl::Status Client::Explain(const grpc::Status& status, double seconds) const {
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED)
    return absl::DeadlineExceededError(
        fmt::format("the coordinator at {} did not answer within {:.0f} s; is 'rsg serve' running there, and does a "
                    "firewall let this machine through?",
                    line_.address, seconds));
  return ToAbsl(status, line_);
}

}  // namespace rsg::cli
