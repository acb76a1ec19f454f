#include "agent/trainer/measure/physics.hpp"

#include "absl/strings/str_format.h"

namespace rsg::trainer {

v1::Physics MakePhysics(double flop_per_sample, double throughput, std::optional<double> peak_flops,
                        bool with_winograd) {
  v1::Physics physics;
  physics.set_flop_per_sample(flop_per_sample);
  physics.set_flops(flop_per_sample * throughput);
  physics.set_plausible(true);
  if (!peak_flops || *peak_flops <= 0) return physics;
  const double share = physics.flops() / *peak_flops;
  physics.set_peak_flops(*peak_flops);
  physics.set_share_of_peak(share);
  if (share <= 1) return physics;
  physics.set_plausible(with_winograd && share <= kMostByWinograd);
  if (physics.plausible()) {
    physics.set_note("over 100 % of the peak may be right: Winograd's convolutions multiply less than is counted");
  } else {
    physics.set_note(absl::StrFormat(
        "%.0f %% of what matrix products reach cannot be: %s", 100 * share,
        with_winograd ? "no convolution saves that much" : "in this precision no faster algorithm is known"));
  }
  return physics;
}

}  // namespace rsg::trainer
