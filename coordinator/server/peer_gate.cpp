#include "coordinator/server/peer_gate.hpp"

namespace rsg::server {
namespace {

constexpr std::size_t kMostPeers = 4096;

std::string_view WithoutPort(std::string_view peer) { return peer.substr(0, peer.rfind(':')); }

}  // namespace

PeerGate::Peer& PeerGate::Find(std::string_view peer, double now) {
  const std::string_view host = WithoutPort(peer);
  if (const auto found = peers_.find(host); found != peers_.end()) return found->second;
  if (peers_.size() >= kMostPeers)
    std::erase_if(
        peers_, [now](const auto& entry) { return entry.second.inside == 0 && entry.second.failures.Owed(now) == 0; });
  // Still full of peers that fail: then they are forgiven rather than kept without bound.
  if (peers_.size() >= kMostPeers) std::erase_if(peers_, [](const auto& entry) { return entry.second.inside == 0; });
  return peers_[std::string(host)];
}

absl::Status PeerGate::Enter(std::string_view peer, double now) {
  const std::lock_guard lock(mutex_);
  Peer& found = Find(peer, now);
  if (found.failures.Owed(now) > 0)
    return absl::ResourceExhaustedError("too many join tokens from this address were refused; try again in a moment");
  if (inside_ >= kMost || found.inside >= kMostOfOne)
    return absl::ResourceExhaustedError("too many agents enrol at once; try again in a moment");
  ++found.inside;
  ++inside_;
  return absl::OkStatus();
}

void PeerGate::Left(std::string_view peer, bool failed, double now) {
  const std::lock_guard lock(mutex_);
  Peer& found = Find(peer, now);
  --found.inside;
  --inside_;
  if (failed) found.failures.Take(1, now);
}

}  // namespace rsg::server
