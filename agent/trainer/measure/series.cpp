#include "agent/trainer/measure/series.hpp"

#include <utility>

namespace rsg::trainer {

Series::Series(std::size_t capacity) : capacity_(capacity) {
  parts_.reserve(capacity);
  values_.reserve(capacity);
}

void Series::Add(std::uint32_t steps, double seconds) {
  if (parts_.size() == capacity_) Halve();
  part_.steps += steps;
  part_.seconds += seconds;
  if (++windows_in_part_ < windows_each_) return;
  values_.push_back(part_.seconds / part_.steps);
  parts_.push_back(std::exchange(part_, {}));
  windows_in_part_ = 0;
}

void Series::Halve() {
  for (std::size_t i = 0; i < capacity_ / 2; ++i) {
    parts_[i] = {parts_[2 * i].steps + parts_[2 * i + 1].steps, parts_[2 * i].seconds + parts_[2 * i + 1].seconds};
    values_[i] = parts_[i].seconds / parts_[i].steps;
  }
  parts_.resize(capacity_ / 2);
  values_.resize(capacity_ / 2);
  windows_each_ *= 2;
}

}  // namespace rsg::trainer
