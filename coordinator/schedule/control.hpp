// Control cells: one small cell that every device of a sweep runs first and last, so that a machine that has become
// slower or faster in between is found out. Their results stand apart from what the sweep measures. Pure functions.
#pragma once
#include <cstdint>
#include <string>

#include "rsg/v1/control.pb.h"
#include "rsg/v1/types.pb.h"

namespace rsg::schedule {

/// Which of the two a control job is; its `repeat`.
inline constexpr std::uint32_t kControlStart = 1;
inline constexpr std::uint32_t kControlEnd = 2;

/// At most so many devices' drift is told in one SweepStatus; the database's view v_control has all.
inline constexpr int kMostDriftShown = 256;

/// resnet18 in fp32 and nchw, the standard loop, at the sweep's first image size but at most the model's default. The
/// batch size is one that keeps a GPU busy and takes a CPU core about a second a step.
v1::Cell ControlCell(const v1::SweepSpec& spec, v1::DeviceKind kind);

/// A fixed five seconds, or as long as the sweep's own cells where those are shorter. `limits` are the sweep's, with
/// max_seconds filled in.
v1::Limits ControlLimits(const v1::Limits& limits);

/// Enters a control job into the drift of its device, which is appended when it is not there yet and there is room.
/// `job` has its result's throughput, interval and verdict when it is COMPLETED.
void AddControl(const v1::Job& job, google::protobuf::RepeatedPtrField<v1::Drift>* drift);

/// Fills in share and half_width from the two ends, as far as they are there: share = end / start - 1. The two are
/// measured independently, so the relative variances of their quotient add up: half_width =
/// (1 + share) x sqrt(h_start^2 + h_end^2), h being the half-widths as shares of the throughputs.
void SetShare(v1::Drift* drift);

}  // namespace rsg::schedule
