#include "coordinator/server/fetch_gate.hpp"

#include <algorithm>
#include <utility>

namespace rsg::server {

absl::Status FetchGate::Enter(const std::string& credential_sha256, double now, std::function<void()> cut) {
  const std::lock_guard lock(mutex_);
  auto in_the_way = calls_.find(credential_sha256);
  if (in_the_way == calls_.end() && calls_.size() >= kMost)
    in_the_way = std::min_element(calls_.begin(), calls_.end(),
                                  [](const auto& a, const auto& b) { return a.second.moved < b.second.moved; });
  if (in_the_way == calls_.end()) {
    calls_[credential_sha256] = {.moved = now, .cut = std::move(cut)};
    return absl::OkStatus();
  }
  if (now - in_the_way->second.moved >= kStalledSeconds) in_the_way->second.cut();
  return absl::ResourceExhaustedError("too many scripts are fetched at once; try again in a moment");
}

void FetchGate::Moved(const std::string& credential_sha256, double now) {
  const std::lock_guard lock(mutex_);
  if (const auto found = calls_.find(credential_sha256); found != calls_.end()) found->second.moved = now;
}

void FetchGate::Left(const std::string& credential_sha256) {
  const std::lock_guard lock(mutex_);
  calls_.erase(credential_sha256);
}

}  // namespace rsg::server
