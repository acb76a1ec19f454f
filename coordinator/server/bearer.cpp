#include "coordinator/server/bearer.hpp"

#include <string_view>

#include "absl/status/status.h"

namespace rsg::server {
namespace {

constexpr std::string_view kScheme = "Bearer ";
constexpr std::size_t kMostBytes = 256;

}  // namespace

std::optional<std::string> Bearer(const grpc::CallbackServerContext& context) {
  const auto [first, last] = context.client_metadata().equal_range("authorization");
  if (first == last || std::next(first) != last) return std::nullopt;
  std::string_view value(first->second.data(), first->second.size());
  if (!value.starts_with(kScheme)) return std::nullopt;
  value.remove_prefix(kScheme.size());
  if (value.empty() || value.size() > kMostBytes) return std::nullopt;
  return std::string(value);
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

}  // namespace rsg::server
