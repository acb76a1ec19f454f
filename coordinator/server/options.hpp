// How a coordinator is started. Plain values; no gRPC.
#pragma once
#include <filesystem>
#include <string>

#include "common/clock.hpp"
#include "common/content_store.hpp"
#include "coordinator/schedule/settings.hpp"
#include "coordinator/wandb/settings.hpp"

namespace rsg::server {

struct ServerOptions {
  std::filesystem::path state_folder;   ///< made (0700) when absent; guarded by a lock
  std::string listen = "0.0.0.0:7700";  ///< HOST:PORT; port 0: any free one
  std::string advertise;                ///< HOST[:PORT] that goes into join lines; empty: derived from `listen`
  std::string http;                     ///< HOST:PORT for /healthz and /metrics over plain HTTP; empty: not served
  schedule::Settings settings;
  ContentStore::Limits scripts{.file_bytes = std::uint64_t{2} << 30, .total_bytes = std::uint64_t{16} << 30};
  wandb::Settings wandb;          ///< without a key nothing is forwarded
  double shutdown_seconds = 5;    ///< Stop waits this long for calls before it cuts them
  double handshake_seconds = 10;  ///< a connection is closed that has not finished TLS and HTTP/2's preface by then
  double idle_seconds = 120;      ///< a connection without a call is closed
  double renew_check_seconds = 3600;  ///< between looks at whether the server's certificate is to be renewed
  const Clock* clock = &SystemClock();  ///< must outlive the server
};

}  // namespace rsg::server
