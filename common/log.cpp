#include "common/log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/ascii.h"

namespace rsg {
namespace {

// An id before those that it names, too.
constexpr struct {
  const char* name;
  std::string LogFields::*id;
} kFields[] = {{"attempt_id", &LogFields::attempt_id},
               {"job_id", &LogFields::job_id},
               {"sweep_id", &LogFields::sweep_id},
               {"agent_id", &LogFields::agent_id}};

// Of the line that this thread is writing: spdlog 1.10 carries nothing but words from a logger to its formatter.
thread_local const LogFields* line_fields = nullptr;

/// Any bytes as JSON, in plain ASCII: nothing in it ends a line or steers a terminal.
template <typename Json>
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

/// Whether the line names the id, be it as the beginning of a longer one: "s3.14.2" names s3.14, "s3.141" does not.
bool Names(std::string_view line, std::string_view id) {
  const auto inside_word = [line](std::size_t at) {
    return at < line.size() && absl::ascii_isalnum(static_cast<unsigned char>(line[at]));
  };
  for (auto at = line.find(id); at != std::string_view::npos; at = line.find(id, at + 1))
    if ((at == 0 || !inside_word(at - 1)) && !inside_word(at + id.size())) return true;
  return false;
}

/// Bare where it is a word, else quoted.
std::string Value(const std::string& id) {
  const bool plain = std::all_of(id.begin(), id.end(), [](unsigned char letter) {
    return absl::ascii_isalnum(letter) || letter == '-' || letter == '_' || letter == '.';
  });
  return plain ? id : Dump(nlohmann::json(id));
}

// What a text line ends with.
class Tail : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    if (line_fields == nullptr) return;
    std::string line(message.payload.data(), message.payload.size());
    const std::size_t words = line.size();
    for (const auto& [name, field] : kFields)
      if (const std::string& id = line_fields->*field; !id.empty() && !Names(line, id))
        line += fmt::format(" {}={}", name, Value(id));
    out.append(line.data() + words, line.data() + line.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<Tail>(); }
};

// RFC 3339, UTC, milliseconds.
std::string TimeText(spdlog::log_clock::time_point time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t unix_seconds = spdlog::log_clock::to_time_t(seconds);
  std::tm utc{};
  gmtime_r(&unix_seconds, &utc);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", utc,
                     std::chrono::duration_cast<std::chrono::milliseconds>(time - seconds).count());
}

class JsonFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto level = spdlog::level::to_string_view(message.level);
    nlohmann::ordered_json line{{"time", TimeText(message.time)},
                                {"level", std::string(level.data(), level.size())},
                                {"message", std::string(message.payload.data(), message.payload.size())}};
    if (line_fields != nullptr)
      for (const auto& [name, field] : kFields)
        if (const std::string& id = line_fields->*field; !id.empty()) line[name] = id;
    fmt::format_to(std::back_inserter(out), "{}\n", Dump(line));
  }
  std::unique_ptr<formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

spdlog::level::level_enum Translate(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

std::unique_ptr<spdlog::formatter> MakeLogFormatter(LogFormat format) {
  if (format == LogFormat::kJson) return std::make_unique<JsonFormatter>();
  auto text = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  text->add_flag<Tail>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-5l%$ %v%*");
  return text;
}

absl::Status SetUpLog(std::string_view level, std::string_view format) {
  const auto parsed = spdlog::level::from_str(std::string(level));
  if (parsed == spdlog::level::off && level != "off")  // from_str says off for what it does not know
    return absl::InvalidArgumentError(
        fmt::format("log-level: '{}' is unknown; use trace, debug, info, warn, error or off", level));
  if (format != "text" && format != "json")
    return absl::InvalidArgumentError(fmt::format("log-format: '{}' is unknown; use text or json", format));
  auto logger = std::make_shared<spdlog::logger>("rsg", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_formatter(MakeLogFormatter(format == "json" ? LogFormat::kJson : LogFormat::kText));
  logger->set_level(parsed);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

void LogLine(LogLevel level, std::string_view text, const LogFields& fields) {
  line_fields = &fields;
  spdlog::log(Translate(level), spdlog::string_view_t(text.data(), text.size()));
  line_fields = nullptr;
}

}  // namespace rsg
