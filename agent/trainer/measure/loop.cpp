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
  bool paced = true;  ///< by the pacer, who is told of its end
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
    if (auto status = TrainUnmeasured(parts_.keep_warming); !status.ok()) return status;
    started_at_ = settled_at_ = parts_.clock.Monotonic();
    while (!Interrupted()) {
      const auto plan = parts_.pacer.Next(parts_.clock.Monotonic() - started_at_);
      if (!plan && open_.empty()) break;
      if (plan) Queue(*plan);
      if (!plan || open_.size() > parts_.device.QueueAhead())
        if (auto status = Settle(); !status.ok()) return status;
    }
    if (auto status = SettleAll(); !status.ok()) return status;
    return TrainUnmeasured(parts_.keep_soaking);
  }

 private:
  /// Windows of about kLongestWindow as long as `keep_on` says so.
  absl::Status TrainUnmeasured(const std::function<bool()>& keep_on) {
    constexpr double kMostSteps = 1e4;
    settled_at_ = parts_.clock.Monotonic();
    step_seconds_ = 0;
    while (keep_on && !Interrupted() && keep_on()) {
      const double steps = step_seconds_ > 0 ? std::clamp(kLongestWindow / step_seconds_, 1.0, kMostSteps) : 1.0;
      Queue({.steps = static_cast<std::uint32_t>(steps), .warm_up = true}, /*paced=*/false);
      if (open_.size() <= parts_.device.QueueAhead()) continue;
      if (auto status = Settle(); !status.ok()) return status;
    }
    return SettleAll();
  }

  absl::Status SettleAll() {
    while (!open_.empty())
      if (auto status = Settle(); !status.ok()) return status;
    return absl::OkStatus();
  }

  bool Interrupted() const { return parts_.interrupted.load(std::memory_order_relaxed) != 0; }

  void Queue(const Pacer::Plan& plan, bool paced = true) {
    OpenWindow window{.plan = plan,
                      .paced = paced,
                      .queries = {},
                      .queued_at = parts_.clock.Monotonic(),
                      .begin = nullptr,
                      .end = nullptr};
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
    step_seconds_ = message.seconds() / window.steps;
    if (window.paced) parts_.pacer.Observe(window.steps, message.seconds());
    return sink_(message);
  }

  const LoopParts& parts_;
  const std::uint32_t batch_size_;
  const WindowSink& sink_;
  std::deque<OpenWindow> open_;  // at most QueueAhead() + 1
  std::unique_ptr<Mark> first_;
  double started_at_ = 0;
  double settled_at_ = 0;
  double step_seconds_ = 0;  // of the newest window
  std::uint32_t sequence_ = 0;
};

}  // namespace

absl::Status RunWindows(const LoopParts& parts, std::uint32_t batch_size, const WindowSink& sink) {
  return Loop(parts, batch_size, sink).Run();
}

}  // namespace rsg::trainer
