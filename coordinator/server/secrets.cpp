#include "coordinator/server/secrets.hpp"

#include <spdlog/spdlog.h>

#include "common/files.hpp"

namespace rsg::server {

absl::StatusOr<std::string> StoredSecret(const std::filesystem::path& file, JoinKind kind) {
  const auto text = ReadSecretFile(file);
  if (absl::IsNotFound(text.status())) return std::string();
  if (!text.ok()) return text.status();
  const auto line = ParseJoinLine(*text, kind);
  if (line.ok()) return line->secret;
  spdlog::warn("{}: {}; a new one is made", file.string(), std::string(line.status().message()));
  return std::string();
}

absl::StatusOr<std::string> StoreLine(const std::filesystem::path& file, const JoinLine& line) {
  const std::string text = EncodeJoinLine(line);
  const auto before = ReadSecretFile(file);
  if (before.ok() && *before == text + "\n") return text;
  if (auto written = WriteFile(file, text + "\n", 0600); !written.ok()) return written;
  return text;
}

}  // namespace rsg::server
