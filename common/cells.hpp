// How many cells a sweep has, and how cells stand to each other. Pure.
#pragma once
#include <cstdint>

#include "rsg/v1/control.pb.h"

namespace rsg {

/// Cells that each device of the sweep runs, repeats included, without control cells. Lists that are empty stand for
/// one default; a script that declares its shape has one size whatever `image_sizes` says.
std::uint64_t CountCells(const v1::SweepSpec& spec);

/// Whether two cells differ in nothing but the batch size.
bool SameSeries(const v1::Cell& a, const v1::Cell& b);

/// Whether a device that ran out of memory with `failed` does so with `cell`, too: the same series at a larger batch
/// size.
bool Prunes(const v1::Cell& failed, const v1::Cell& cell);

}  // namespace rsg
