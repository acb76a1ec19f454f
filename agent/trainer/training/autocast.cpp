#include "agent/trainer/training/autocast.hpp"

#include <ATen/autocast_mode.h>

namespace rsg::trainer {

AutocastScope::AutocastScope(at::DeviceType device, Numerics::Autocast autocast)
    : device_(device), active_(autocast != Numerics::Autocast::kNone) {
  if (!active_) return;
  was_enabled_ = at::autocast::is_autocast_enabled(device_);
  previous_dtype_ = at::autocast::get_autocast_dtype(device_);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, autocast == Numerics::Autocast::kFloat16 ? at::kHalf : at::kBFloat16);
  at::autocast::increment_nesting();
}

AutocastScope::~AutocastScope() {
  if (!active_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, was_enabled_);
  at::autocast::set_autocast_dtype(device_, previous_dtype_);
}

}  // namespace rsg::trainer
