#include "coordinator/server/server.hpp"

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <optional>
#include <utility>

#include "common/channel.hpp"
#include "common/files.hpp"
#include "common/secret.hpp"
#include "common/tls.hpp"
#include "coordinator/server/address.hpp"
#include "coordinator/server/control_service.hpp"
#include "coordinator/server/core.hpp"
#include "coordinator/server/core_outbox.hpp"
#include "coordinator/server/fleet_service.hpp"
#include "coordinator/server/grpc_log.hpp"
#include "coordinator/server/health.hpp"
#include "coordinator/server/identity_keeper.hpp"
#include "coordinator/server/read_pool.hpp"
#include "coordinator/server/secrets.hpp"
#include "coordinator/web/exposition.hpp"
#include "coordinator/web/http_server.hpp"
#include "coordinator/web/metrics.hpp"

namespace rsg::server {
namespace {

constexpr int kReaders = 2;
constexpr std::size_t kOperatorSecretBytes = 32;
constexpr unsigned kReadIdentitySeconds = 1;
// gRPC's own services, reflection above all, hold a thread for each call, and ask nobody who he is.
constexpr int kSynchronousThreads = 8;
constexpr std::size_t kGrpcMemory = std::size_t{512} << 20;

int Milliseconds(double seconds) { return static_cast<int>(1000 * seconds); }

void SetLimits(const ServerOptions& options, grpc::ServerBuilder& builder) {
  const int keepalive = Milliseconds(KeepaliveSeconds(options.settings.heartbeat_seconds));
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  grpc::ResourceQuota quota("rsg");
  quota.Resize(kGrpcMemory);
  quota.SetMaxThreads(kSynchronousThreads);
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // else a second coordinator would share the port unnoticed
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 64);
  // A connection that stops in its handshake, and one that asks for nothing.
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, Milliseconds(options.handshake_seconds));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, Milliseconds(options.idle_seconds));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, keepalive / 2);
}

// Reads the pair again when it was renewed, so that those who connect later get the new one.
std::shared_ptr<grpc::ServerCredentials> Credentials(const std::filesystem::path& folder) {
  auto files = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      folder / "server.key", folder / "server.pem", kReadIdentitySeconds);
  grpc::experimental::TlsServerCredentialsOptions tls(std::move(files));
  tls.watch_identity_key_cert_pairs();
  tls.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  return grpc::experimental::TlsServerCredentials(tls);
}

}  // namespace

struct Server::Parts {
  absl::Status Open(const ServerOptions& options);
  absl::Status Listen();
  absl::Status ListenForHttp();
  absl::Status WriteLines();
  absl::StatusOr<std::string> JoinToken();
  JoinLine Line(JoinKind kind, const std::string& where, const std::string& secret) const;

  ServerOptions options;
  Address listen;
  std::optional<Address> advertise;
  std::optional<Address> http_listen;
  std::optional<FileLock> lock;
  ServerIdentity identity;
  std::unique_ptr<IdentityKeeper> keeper;
  std::string operator_secret;
  Health health;
  std::unique_ptr<Core> core;
  std::unique_ptr<ReadPool> pool;
  std::unique_ptr<ContentStore> scripts;
  std::unique_ptr<wandb::Service> forwarder;  // null without a key
  std::unique_ptr<FleetService> fleet;
  std::unique_ptr<ControlService> control;
  std::unique_ptr<grpc::Server> grpc;
  std::unique_ptr<web::Metrics> metrics;
  std::unique_ptr<web::HttpServer> http;
  std::string address;
  std::string local;  // as this machine dials it
  std::string advertised;
  std::string operator_line;
  std::string join_line;
  std::string http_address;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  TakeOverGrpcLog();
  // For all servers of the process that are built from now on.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  std::unique_ptr<Server> server(new Server(std::make_unique<Parts>()));
  Parts& parts = *server->parts_;
  if (auto s = parts.Open(options); !s.ok()) return s;
  if (auto s = parts.ListenForHttp(); !s.ok()) return s;
  if (auto s = parts.Listen(); !s.ok()) return s;  // last: what fails now has let no agent in
  if (auto s = parts.WriteLines(); !s.ok()) return s;
  return server;
}

absl::Status Server::Parts::Open(const ServerOptions& given) {
  options = given;
  if (auto s = schedule::Validate(options.settings); !s.ok()) return s;
  auto parsed = ParseAddress(options.listen, "listen");
  if (!parsed.ok()) return parsed.status();
  listen = *std::move(parsed);
  if (!options.advertise.empty()) {
    auto told = ParseAddress(options.advertise, "advertise", 0);
    if (!told.ok()) return told.status();
    if (IsWildcard(told->host))
      return absl::InvalidArgumentError(fmt::format(
          "advertise: '{}' names no machine; give the name or address under which agents reach it", options.advertise));
    advertise = *std::move(told);
  }
  if (!options.http.empty()) {
    auto where = ParseAddress(options.http, "http");
    if (!where.ok()) return where.status();
    http_listen = *std::move(where);
  }
  if (auto s = MakeStateFolder(options.state_folder); !s.ok()) return s;
  auto locked = FileLock::Acquire(options.state_folder / "lock");
  if (!locked.ok()) return locked.status();
  lock.emplace(*std::move(locked));
  if (auto s = CheckCanListen(listen); !s.ok()) return s;

  const auto database = options.state_folder / "rsg.db";
  const bool forward = !options.wandb.key.empty();
  auto started = Core::Start({.database = database,
                              .settings = options.settings,
                              .forward = forward ? std::optional(options.wandb.fixed) : std::nullopt,
                              .clock = options.clock,
                              .on_storing = [this](bool storing) { health.SetStoring(storing); }});
  if (!started.ok()) return started.status();
  core = *std::move(started);
  auto readers = ReadPool::Start(database, kReaders);
  if (!readers.ok()) return readers.status();
  pool = *std::move(readers);
  if (forward) {
    auto outbox = CoreOutbox::Open(database, core.get());
    if (!outbox.ok()) return outbox.status();
    auto service = wandb::Service::Start(options.wandb, *std::move(outbox), options.clock);
    if (!service.ok()) return service.status();
    forwarder = *std::move(service);
  }
  auto made = LoadOrMakeIdentity(options.state_folder / "tls");
  if (!made.ok()) return made.status();
  identity = *std::move(made);
  keeper = std::make_unique<IdentityKeeper>(options.state_folder / "tls", options.renew_check_seconds,
                                            identity.certificate_pem);
  auto stored = StoredSecret(options.state_folder / "operator", JoinKind::kOperator);
  if (!stored.ok()) return stored.status();
  operator_secret = stored->empty() ? RandomHex(kOperatorSecretBytes) : *std::move(stored);
  return absl::OkStatus();
}

absl::Status Server::Parts::Listen() {
  scripts = std::make_unique<ContentStore>(options.state_folder / "scripts", options.scripts);
  fleet = std::make_unique<FleetService>(core.get(), pool.get(), scripts.get(), options.clock);
  control = std::make_unique<ControlService>(
      core.get(), pool.get(), scripts.get(),
      ControlService::Options{
          .operator_sha256 = Sha256Hex(operator_secret),
          .join_line = [this](const auto& token) { return EncodeJoinLine(Line(JoinKind::kAgent, advertised, token)); },
          .database = options.state_folder / "rsg.db",
          .wandb = options.wandb,
          .forwarder = forwarder.get()});
  grpc::ServerBuilder builder;
  SetLimits(options, builder);
  int port = 0;
  Address bind = listen;
  if (bind.host.empty()) bind.host = "0.0.0.0";
  builder.AddListeningPort(Format(bind), Credentials(options.state_folder / "tls"), &port);
  builder.RegisterService(fleet.get());
  builder.RegisterService(control.get());
  grpc = builder.BuildAndStart();
  if (grpc == nullptr || port == 0) {
    const absl::Status why = CheckCanListen(listen);
    return why.ok() ? absl::UnavailableError(fmt::format("cannot listen on {}", Format(bind))) : why;
  }
  health.Serve(grpc->GetHealthCheckService());
  bind.port = port;
  address = Format(bind);
  const bool everywhere = IsWildcard(bind.host);
  local = Format({.host = everywhere ? "127.0.0.1" : bind.host, .port = port});
  Address told = advertise.value_or(Address{.host = everywhere ? PrimaryAddress() : bind.host, .port = 0});
  if (told.port == 0) told.port = port;
  advertised = Format(told);
  control->LetIn();
  return absl::OkStatus();
}

absl::Status Server::Parts::ListenForHttp() {
  if (!http_listen) return absl::OkStatus();
  auto opened = web::Metrics::Open(options.state_folder / "rsg.db", core.get(), options.clock);
  if (!opened.ok()) return opened.status();
  metrics = *std::move(opened);
  const auto healthz = [this]() -> web::Page {
    if (core->figures().storing) return {.body = "ok\n"};
    return {.status = 503, .body = "the coordinator cannot store anything now; its log says why\n"};
  };
  const auto figures = [this] { return web::Page{.type = web::kExpositionType, .body = metrics->Text()}; };
  auto started = web::HttpServer::Start(*http_listen, "--http", {{"/healthz", healthz}, {"/metrics", figures}});
  if (!started.ok()) return started.status();
  http = *std::move(started);
  http_address = http->address();
  return absl::OkStatus();
}

JoinLine Server::Parts::Line(JoinKind kind, const std::string& where, const std::string& secret) const {
  return {.kind = kind, .address = where, .ca_pem = identity.ca_pem, .secret = secret};
}

absl::StatusOr<std::string> Server::Parts::JoinToken() {
  auto stored = StoredSecret(options.state_folder / "join", JoinKind::kAgent);
  if (!stored.ok()) return stored.status();
  absl::StatusOr<std::string> token = absl::UnknownError("");
  auto asked =
      core->PostAndWait([&](schedule::Coordinator& coordinator, const schedule::Now& now, schedule::Effects& effects) {
        if (coordinator.tokens().Check(*stored, now.unix).ok()) {
          token = *stored;
          return;
        }
        auto made = coordinator.CreateToken({}, now, effects);
        token = made.ok() ? absl::StatusOr<std::string>(made->secret) : made.status();
      });
  if (!asked.ok()) return asked;
  return token;
}

absl::Status Server::Parts::WriteLines() {
  const auto token = JoinToken();
  if (!token.ok()) return token.status();
  const auto store = [this](const char* file, const JoinLine& line, std::string* text) {
    auto stored = StoreLine(options.state_folder / file, line);
    if (stored.ok() && text != nullptr) *text = *std::move(stored);
    return stored.status();
  };
  // The operator's programs on this machine dial it as it is bound: from inside, the advertised address may not work.
  if (auto s = store("operator", Line(JoinKind::kOperator, local, operator_secret), &operator_line); !s.ok()) return s;
  if (auto s = store("operator-remote", Line(JoinKind::kOperator, advertised, operator_secret), nullptr); !s.ok())
    return s;
  return store("join", Line(JoinKind::kAgent, advertised, *token), &join_line);
}

int Server::port() const { return ParseAddress(parts_->address, "address")->port; }
const std::string& Server::address() const { return parts_->address; }
const std::string& Server::advertised() const { return parts_->advertised; }
const std::string& Server::http_address() const { return parts_->http_address; }
const std::string& Server::operator_line() const { return parts_->operator_line; }
const std::string& Server::join_line() const { return parts_->join_line; }

std::map<std::string, std::uint64_t> Server::Rejected() {
  std::map<std::string, std::uint64_t> rejected = parts_->core->refused();
  // What cannot be asked for now, while the disk takes nothing, is left out.
  (void)parts_->core->PostAndWait([&](schedule::Coordinator& coordinator, const schedule::Now&, schedule::Effects&) {
    for (const auto& [reason, count] : coordinator.rejected()) rejected[reason] += count;
  });
  return rejected;
}

void Server::Stop() {
  Parts& parts = *parts_;
  parts.http.reset();  // asks the core, reads the database
  parts.metrics.reset();
  if (parts.grpc != nullptr) {
    parts.health.Stop();
    parts.core->CloseAll();
    parts.grpc->Shutdown(std::chrono::system_clock::now() +
                         std::chrono::duration_cast<std::chrono::system_clock::duration>(
                             std::chrono::duration<double>(parts.options.shutdown_seconds)));
    parts.grpc->Wait();
    parts.grpc.reset();
  }
  parts.keeper.reset();
  parts.forwarder.reset();  // while what it has to store can be stored
  if (parts.core != nullptr) parts.core->Stop();
  parts.pool.reset();  // before the store: the last connection tidies up
  parts.core.reset();
  parts.lock.reset();
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() { Stop(); }

}  // namespace rsg::server
