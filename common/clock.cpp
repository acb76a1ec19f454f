#include "common/clock.hpp"

#include <chrono>

namespace rsg {
namespace {

class MachineClock final : public Clock {
 public:
  double Monotonic() const override { return Seconds(std::chrono::steady_clock::now()); }
  double Unix() const override { return Seconds(std::chrono::system_clock::now()); }

 private:
  template <typename Point>
  static double Seconds(Point point) {
    return std::chrono::duration<double>(point.time_since_epoch()).count();
  }
};

}  // namespace

const Clock& SystemClock() {
  static const MachineClock clock;
  return clock;
}

}  // namespace rsg
