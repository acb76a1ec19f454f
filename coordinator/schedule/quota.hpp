// How much one agent may say: buckets that fill up with active time, for messages, bytes and windows. Who says more is
// not cut off but read more slowly, so that an honest agent with much to deliver only takes longer. Pure.
#pragma once
#include <cstddef>
#include <cstdint>

namespace rsg::schedule {

/// A bucket. What is taken beyond what is there is owed, and has to be waited for.
class Bucket {
 public:
  struct Rate {
    double per_second = 0;  ///< > 0
    double at_once = 0;     ///< what a full bucket holds
  };
  explicit Bucket(const Rate& rate) : rate_(rate), left_(rate.at_once) {}

  /// Seconds until nothing is owed any more, 0 when nothing is. `now` never goes back.
  double Take(double amount, double now);
  /// The same without taking anything.
  double Owed(double now) const;

 private:
  double LeftAt(double now) const;

  Rate rate_;
  double left_;
  double counted_ = 0;  // filled up until then
};

class Quota {
 public:
  /// An agent may keep `max_spooled_windows` while the coordinator is away: all of them pass at once.
  explicit Quota(std::uint32_t max_spooled_windows);

  /// Seconds for which the agent is not to be read after this message; 0: read on.
  double OnMessage(std::size_t bytes, std::size_t windows, double now);
  /// Whether a stream may be opened: not while the agent owes more than kMostOwedSeconds, for each stream would bring
  /// another message.
  bool OnStream(double now);

  static constexpr double kMostOwedSeconds = 5;

 private:
  Bucket messages_;
  Bucket bytes_;
  Bucket windows_;
};

}  // namespace rsg::schedule
