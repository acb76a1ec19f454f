// From what an operator asks for to the cells that every device of the sweep runs. Pure functions.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "rsg/v1/control.pb.h"
#include "rsg/v1/types.pb.h"

namespace rsg::schedule {

/// More cells (repeats included) than this are refused: one device would be busy for weeks.
inline constexpr std::uint64_t kMaxCells = 20'000;

/// Jobs a sweep may have: what the coordinator keeps in memory is bounded.
inline constexpr std::uint64_t kMostJobs = 1'000'000;

struct PlannedCell {
  v1::Cell cell;
  std::uint32_t repeat = 1;  ///< from 1; of a control cell kControlStart or kControlEnd
  v1::Role role = v1::ROLE_MEASUREMENT;
};

/// Fills in what the operator left open. `spec` has passed Validate.
v1::SweepSpec WithDefaults(v1::SweepSpec spec);

/// The cells in the order in which a device runs them: repeat by repeat, then models and scripts, image sizes,
/// precisions and memory formats as listed, batch sizes ascending; without control cells (sweep.hpp adds them).
/// INVALID_ARGUMENT over kMaxCells. `spec` comes from WithDefaults.
absl::StatusOr<std::vector<PlannedCell>> PlanCells(const v1::SweepSpec& spec);

/// Time after which an agent ends a child that should have ended by itself: the limits' end, and what may pass before
/// the first step and within the last one.
double MaxRuntimeSeconds(const v1::Limits& limits);

/// Why the device cannot run the cell ("NVIDIA T4 lacks bf16"); empty when it can. `models` are those of its trainer.
std::string WhyNot(const v1::Cell& cell, const v1::Device& device,
                   const google::protobuf::RepeatedPtrField<std::string>& models);

}  // namespace rsg::schedule
