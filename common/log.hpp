// Logging to stderr by spdlog. Secrets never go here.
#pragma once
#include <string_view>

namespace rsg {

/// Sets up the default logger: "2026-01-31T12:00:00.123Z info  text". `level`: trace, debug, info, warn, error, off.
/// False when the level is none of these; nothing changes then.
bool SetUpLog(std::string_view level);

}  // namespace rsg
