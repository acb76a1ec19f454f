// What every part of a simulated fleet works with: chance, time, the trace, the first broken rule.
#pragma once
#include <fmt/format.h>

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "random.hpp"

namespace rsg::sim {

/// What is going to happen, in order of time; of what is due at once, the earlier planned comes first.
class Timeline {
 public:
  /// Seconds since the run began.
  double now() const { return now_; }

  void At(double when, std::function<void()> what) { planned_.emplace(std::max(when, now_), std::move(what)); }
  void After(double delay, std::function<void()> what) { At(now_ + delay, std::move(what)); }

  /// Does the next thing; false when there is none up to `until`, where the clock then stands.
  bool Step(double until) {
    if (planned_.empty() || planned_.begin()->first > until) {
      now_ = std::max(now_, until);
      return false;
    }
    auto next = planned_.extract(planned_.begin());
    now_ = next.key();
    next.mapped()();
    return true;
  }

 private:
  double now_ = 0;
  std::multimap<double, std::function<void()>> planned_;
};

struct Basis {
  explicit Basis(std::uint64_t seed) : random(seed) {}

  Random random;
  Timeline time;
  bool calm = false;     ///< no more faults are made
  bool tracing = false;  ///< costs time, so only a failing seed is run again with it
  std::deque<std::string> trace;
  std::optional<std::string> violation;  ///< the first broken rule; the run ends with it

  /// A line of the trace. Tells a person what happened.
  template <typename... Args>
  void Tell(fmt::format_string<Args...> text, Args&&... args) {
    constexpr std::size_t kLines = 400;
    if (!tracing) return;
    if (trace.size() >= kLines) trace.pop_front();
    trace.push_back(fmt::format("{:10.3f}  {}", time.now(), fmt::format(text, std::forward<Args>(args)...)));
  }

  /// A rule is broken.
  template <typename... Args>
  void Violate(fmt::format_string<Args...> text, Args&&... args) {
    if (violation) return;
    violation = fmt::format(text, std::forward<Args>(args)...);
    Tell("VIOLATION: {}", *violation);
  }
};

}  // namespace rsg::sim
