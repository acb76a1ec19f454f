// The operator's side of the Control service. Thread-safe once made, but for destruction and DialAnew().
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <grpcpp/client_context.h>
#include <CLI/CLI.hpp>

#include "absl/status/statusor.h"
#include "common/channel.hpp"
#include "common/join.hpp"
#include "coordinator/cli/config.hpp"
#include "rsg/v1/control.grpc.pb.h"

namespace rsg::cli {

/// --operator-file. `path` outlives the parsing.
void AddClientFlags(CLI::App& app, std::string* operator_file);

/// The operator's line: from `operator_file` when it is not empty, else $RSG_OPERATOR, else the configuration's
/// operator_file, else the file `operator` in $RSG_STATE or the default state folder of a coordinator on this machine.
absl::StatusOr<JoinLine> FindOperatorLine(const std::string& operator_file, const Config& config);

class Client {
 public:
  /// Does not connect yet.
  explicit Client(JoinLine line);

  /// Finds the coordinator as FindOperatorLine() does.
  static absl::StatusOr<std::unique_ptr<Client>> Find(const std::string& operator_file, const Config& config);

  /// Gives up the connection; the next call makes a new one. A channel that has failed recovers only while a call waits
  /// for it, and calls do not wait: each would fail at once, for as long as the channel lives.
  void DialAnew();

  /// HOST:PORT that is dialled.
  const std::string& address() const { return line_.address; }

  /// One unary call, at most `seconds` long: client.Call(&v1::Control::Stub::ListAgents, request).
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::Control::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                          Response*),
                                const Request& request, double seconds = 15) {
    grpc::ClientContext context;
    Prepare(&context, seconds);
    Response response;
    const absl::Status status = Explain(((*stub_).*method)(&context, request, &response), seconds);
    if (!status.ok()) return status;
    return response;
  }

  /// Hands the messages of a server stream to `take` one by one, until it returns false.
  template <typename Request, typename Message>
  absl::Status Stream(std::unique_ptr<grpc::ClientReader<Message>> (v1::Control::Stub::*method)(grpc::ClientContext*,
                                                                                                const Request&),
                      const Request& request, const std::function<bool(const Message&)>& take) {
    grpc::ClientContext context;
    Prepare(&context, 0);
    const auto reader = ((*stub_).*method)(&context, request);
    Message message;
    bool wanted = true;
    while (wanted && reader->Read(&message)) wanted = take(message);
    if (!wanted) context.TryCancel();
    const grpc::Status status = reader->Finish();
    return wanted ? Explain(status, 0) : absl::OkStatus();
  }

  /// The state of a sweep now; the newest's for an empty id.
  absl::StatusOr<v1::SweepStatus> SweepNow(const std::string& sweep_id);

  /// For calls that are made by hand: credentials, and a deadline unless `seconds` is 0.
  void Prepare(grpc::ClientContext* context, double seconds) const;
  absl::Status Explain(const grpc::Status& status, double seconds) const;
  v1::Control::Stub& stub() { return *stub_; }

 private:
  const JoinLine line_;
  std::unique_ptr<v1::Control::Stub> stub_;
};

}  // namespace rsg::cli
