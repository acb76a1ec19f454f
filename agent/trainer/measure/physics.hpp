// Whether a throughput can be: its arithmetic beside what the device reaches in matrix products. Pure.
#pragma once
#include <optional>

#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// Winograd's F(4x4, 3x3) takes a quarter of the multiplications of a plain 3x3 convolution (Lavin and Gray 2016),
/// which are the ones counted; no convolution in use takes fewer.
inline constexpr double kMostByWinograd = 4;

/// `peak_flops` is what a probe reached in the same precision, absent without one. Over 100 % of it is plausible only
/// `with_winograd`, where the convolutions may be Winograd's (FP32 without tensor cores), and up to kMostByWinograd. Of
/// a model without a convolution or product that was counted (`flop_per_sample` 0) nothing is doubted.
v1::Physics MakePhysics(double flop_per_sample, double throughput, std::optional<double> peak_flops,
                        bool with_winograd);

}  // namespace rsg::trainer
