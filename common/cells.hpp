// How many cells a sweep has. Pure.
#pragma once
#include <cstdint>

#include "rsg/v1/control.pb.h"

namespace rsg {

/// Cells that each device of the sweep runs, repeats included, without control cells. Lists that are empty stand for
/// one default; a script that declares its shape has one size whatever `image_sizes` says.
std::uint64_t CountCells(const v1::SweepSpec& spec);

}  // namespace rsg
