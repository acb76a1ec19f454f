#include "coordinator/schedule/quota.hpp"

#include <algorithm>

namespace rsg::schedule {
namespace {

constexpr double kMiB = 1 << 20;
// An agent that measures says ten windows a second and one or two messages. A thousand times that is no work of his.
constexpr Bucket::Rate kMessages{.per_second = 500, .at_once = 10'000};
constexpr Bucket::Rate kBytes{.per_second = 4 * kMiB, .at_once = 64 * kMiB};
constexpr double kWindowsPerSecond = 10'000;
constexpr double kStreamAsMessages = 10;  // its handshake, its Hello, what follows from it

}  // namespace

double Bucket::LeftAt(double now) const { return std::min(rate_.at_once, left_ + (now - counted_) * rate_.per_second); }

double Bucket::Take(double amount, double now) {
  left_ = LeftAt(now) - amount;
  counted_ = now;
  return Owed(now);
}

double Bucket::Owed(double now) const { return std::max(0.0, -LeftAt(now) / rate_.per_second); }

Quota::Quota(std::uint32_t max_spooled_windows)
    : messages_(kMessages),
      bytes_(kBytes),
      windows_(
          {.per_second = kWindowsPerSecond, .at_once = std::max<double>(max_spooled_windows, 2 * kWindowsPerSecond)}) {}

double Quota::OnMessage(std::size_t bytes, std::size_t windows, double now) {
  return std::max({messages_.Take(1, now), bytes_.Take(static_cast<double>(bytes), now),
                   windows_.Take(static_cast<double>(windows), now)});
}

bool Quota::OnStream(double now) {
  const double owed = std::max({messages_.Owed(now), bytes_.Owed(now), windows_.Owed(now)});
  if (owed > kMostOwedSeconds) return false;
  messages_.Take(kStreamAsMessages, now);
  return true;
}

}  // namespace rsg::schedule
