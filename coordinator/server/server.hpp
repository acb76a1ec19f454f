// A coordinator in this process: state folder, store, scheduler and gRPC services, on threads of its own. `rsg serve`
// is little more than this; `rsg bench` and tests use it as it is.
//
// Start, Stop and destruction from one thread; the rest from any. Several servers may live in one process, each with a
// state folder of its own.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/server/options.hpp"

namespace rsg::server {

class Server {
 public:
  /// Takes the state folder, makes on first use its CA, the operator's credential and a join token, listens. When it
  /// returns, agents can attach, and the folder's files `operator` and `join` (0600) hold lines with the address in
  /// force. Errors say in one line what is wrong and what to do, and leave everything as it was:
  ///   ALREADY_EXISTS       another coordinator runs on the state folder
  ///   FAILED_PRECONDITION  the database is newer than this program
  ///   INVALID_ARGUMENT     an option
  ///   UNAVAILABLE          an address cannot be listened on
  ///   others               the state folder cannot be used
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options);

  /// Bound port.
  int port() const;
  /// HOST:PORT that is listened on, with the bound port: "127.0.0.1:43121".
  const std::string& address() const;
  /// HOST:PORT in the join lines.
  const std::string& advertised() const;
  /// HOST:PORT that plain HTTP is listened on, with the bound port; empty when it is not served.
  const std::string& http_address() const;
  /// Secret. For the operator's programs on this machine; the content of STATE/operator.
  const std::string& operator_line() const;
  /// Secret. What an agent's RSG_JOIN is set to; the content of STATE/join. Its token was good when the server started.
  const std::string& join_line() const;

  /// Messages, streams and calls that were refused since the start, by reason. From any thread, but not after Stop.
  std::map<std::string, std::uint64_t> Rejected();

  /// Closes all streams, commits what was taken, releases the state folder. Agents go on with what they have in hand
  /// and reconnect to the next coordinator. Repeating it is harmless; the destructor calls it.
  void Stop();

  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace rsg::server
