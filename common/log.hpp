// Logging to stderr by spdlog. Secrets never go here.
#pragma once
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "common/log_fields.hpp"

namespace spdlog {
class formatter;
}

namespace rsg {

enum class LogFormat {
  kText,  ///< "2026-01-31T12:00:00.123Z info  WORDS", then the ids that the words do not name: " attempt_id=s3.14.2"
  kJson,  ///< an object: time, level, message and the ids of LogFields that are known; plain ASCII, whatever comes in
};

/// How a line is written, its end included: of LogLine with its fields, of spdlog's own functions without. For loggers
/// that write at once, in the thread that logs.
std::unique_ptr<spdlog::formatter> MakeLogFormatter(LogFormat format);

/// Sets up the default logger. `level`: trace, debug, info, warn, error, off. `format`: text, json. INVALID_ARGUMENT
/// when a word is none of these; nothing changes then.
absl::Status SetUpLog(std::string_view level, std::string_view format);

/// Writes one line to the default logger. Thread-safe.
void LogLine(LogLevel level, std::string_view text, const LogFields& fields = {});

}  // namespace rsg
