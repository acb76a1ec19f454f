// The measured windows' seconds per step, in bounded memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rsg::trainer {

/// Windows in the order of time. When it is full, neighbours are joined two by two, and what comes later is joined
/// likewise before it counts: every value then stands for the same number of windows. Not thread-safe.
class Series {
 public:
  /// `capacity` >= 2, even: so many values at most.
  explicit Series(std::size_t capacity = 2048);

  /// One window: `steps` >= 1 in `seconds` > 0.
  void Add(std::uint32_t steps, double seconds);
  /// Seconds per step, oldest first. Valid until the next Add.
  std::span<const double> values() const { return values_; }
  std::size_t size() const { return values_.size(); }
  /// How many windows one value stands for.
  std::size_t windows_each() const { return windows_each_; }

 private:
  struct Part {
    double steps = 0;
    double seconds = 0;
  };
  void Halve();

  const std::size_t capacity_;
  std::size_t windows_each_ = 1;
  std::size_t windows_in_part_ = 0;
  Part part_;  // not yet a value
  std::vector<Part> parts_;
  std::vector<double> values_;  // seconds per step of parts_
};

}  // namespace rsg::trainer
