#include "agent/trainer/measure/loop.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include "agent/trainer/measure/drained_share.hpp"

namespace rsg::trainer {
namespace {

/// A window whose steps are queued but not yet known to be done.
struct OpenWindow {
  Pacer::Plan plan;
  std::uint32_t steps = 0;
  QueueQueries queries;
  double queued_at = 0;  ///< by the host's clock
  std::unique_ptr<Mark> begin;
  std::unique_ptr<Mark> end;
};

class Loop {
 public:
  Loop(const LoopParts& parts, std::uint32_t batch_size, const WindowSink& sink)
      : parts_(parts), batch_size_(batch_size), sink_(sink) {}

  absl::Status Run() {
    first_ = parts_.device.MakeMark();
    started_at_ = settled_at_ = parts_.clock.Monotonic();
    while (!Interrupted()) {
      const auto plan = parts_.pacer.Next(parts_.clock.Monotonic() - started_at_);
      if (!plan && open_.empty()) break;
      if (plan) Queue(*plan);
      if (!plan || open_.size() > parts_.device.QueueAhead())
        if (auto status = Settle(); !status.ok()) return status;
    }
    while (!open_.empty())
      if (auto status = Settle(); !status.ok()) return status;
    return absl::OkStatus();
  }

 private:
  bool Interrupted() const { return parts_.interrupted.load(std::memory_order_relaxed) != 0; }

  void Queue(const Pacer::Plan& plan) {
    OpenWindow window{
        .plan = plan, .queries = {}, .queued_at = parts_.clock.Monotonic(), .begin = nullptr, .end = nullptr};
    window.begin = parts_.device.MakeMark();
    for (; window.steps < plan.steps && !Interrupted(); ++window.steps) parts_.step.Run();
    window.end = parts_.device.MakeMark();
    window.queries = parts_.step.TakeQueries();
    open_.push_back(std::move(window));
  }

  /// Waits for the oldest open window and hands it over.
  absl::Status Settle() {
    OpenWindow window = std::move(open_.front());
    open_.pop_front();
    if (window.steps == 0) return absl::OkStatus();  // interrupted before its first step
    window.end->Wait();
    const double now = parts_.clock.Monotonic();
    v1::Window message;
    message.set_sequence(++sequence_);
    message.set_steps(window.steps);
    message.set_samples(window.steps * batch_size_);
    message.set_seconds(window.end->SecondsSince(*window.begin));
    // Queued ahead, a window's own time begins when the one before it was done.
    message.set_wall_seconds(now - std::max(window.queued_at, settled_at_));
    message.set_start_seconds(window.begin->SecondsSince(*first_));
    message.set_warm_up(window.plan.warm_up);
    SetDrainedShare(window.queries, &message);
    settled_at_ = now;
    parts_.pacer.Observe(window.steps, message.seconds());
    return sink_(message);
  }

  const LoopParts& parts_;
  const std::uint32_t batch_size_;
  const WindowSink& sink_;
  std::deque<OpenWindow> open_;  // at most QueueAhead() + 1
  std::unique_ptr<Mark> first_;
  double started_at_ = 0;
  double settled_at_ = 0;
  std::uint32_t sequence_ = 0;
};

}  // namespace

absl::Status RunWindows(const LoopParts& parts, std::uint32_t batch_size, const WindowSink& sink) {
  return Loop(parts, batch_size, sink).Run();
}

}  // namespace rsg::trainer
