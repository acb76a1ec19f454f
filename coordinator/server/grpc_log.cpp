#include "coordinator/server/grpc_log.hpp"

#include <fmt/format.h>
#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdlib>
#include <string_view>

#include "common/clock.hpp"

namespace rsg::server {
namespace {

constexpr double kSparse = 1;  // seconds between two lines: whoever knocks in a loop must not fill the log

void Report(gpr_log_func_args* entry) {
  const std::string_view text(entry->message);
  if (text.find("andshake") == std::string_view::npos) return;
  static std::atomic<double> last{-kSparse};
  static std::atomic<unsigned> silent{0};
  const double now = SystemClock().Monotonic();
  double before = last;
  if (now - before < kSparse || !last.compare_exchange_strong(before, now)) {
    ++silent;
    return;
  }
  const unsigned unreported = silent.exchange(0);
  spdlog::warn("refused a connection that speaks no TLS or does not trust this coordinator's CA: {}{}", text,
               unreported > 0 ? fmt::format(" ({} more like it)", unreported) : "");
}

}  // namespace

void TakeOverGrpcLog() {
  const char* wanted = std::getenv("GRPC_VERBOSITY");
  if (wanted != nullptr && std::string_view(wanted) != "NONE") return;
  gpr_set_log_function(Report);
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
}

}  // namespace rsg::server
