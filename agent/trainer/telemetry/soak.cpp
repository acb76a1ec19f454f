#include "agent/trainer/telemetry/soak.hpp"

namespace rsg::trainer {

void Soak::Add(const v1::Window& window) {
  elapsed_ += window.wall_seconds();
  if (elapsed_ <= wanted_ / 2) return;
  samples_ += window.samples();
  seconds_ += window.seconds();
}

std::optional<double> Soak::Sustained() const {
  if (seconds_ <= 0) return std::nullopt;
  return samples_ / seconds_;
}

}  // namespace rsg::trainer
