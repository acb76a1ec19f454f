#include "common/cells.hpp"

#include <algorithm>

namespace rsg {

std::uint64_t CountCells(const v1::SweepSpec& spec) {
  const auto length = [](int size) { return static_cast<std::uint64_t>(std::max(size, 1)); };
  const std::uint64_t sizes = length(spec.image_sizes_size());
  std::uint64_t subjects = static_cast<std::uint64_t>(spec.models_size()) * sizes;
  for (const v1::Script& script : spec.scripts()) subjects += script.sample_shape().empty() ? sizes : 1;
  return subjects * length(spec.batch_sizes_size()) * length(spec.precisions_size()) *
         length(spec.memory_formats_size()) * std::max(spec.repeats(), 1U);
}

bool SameSeries(const v1::Cell& a, const v1::Cell& b) {
  return a.model() == b.model() && a.image_size() == b.image_size() && a.precision() == b.precision() &&
         a.memory_format() == b.memory_format() && a.mode() == b.mode() && a.script().sha256() == b.script().sha256();
}

bool Prunes(const v1::Cell& failed, const v1::Cell& cell) {
  return SameSeries(failed, cell) && cell.batch_size() > failed.batch_size();
}

}  // namespace rsg
