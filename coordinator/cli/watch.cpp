#include "coordinator/cli/watch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/clock.hpp"
#include "common/duration.hpp"
#include "coordinator/cli/status_feed.hpp"
#include "coordinator/cli/watch_view.hpp"

namespace rsg::cli {
namespace {

constexpr double kTick = 1;  // seconds between redraws without news
constexpr double kFirstBackOff = 0.5;
constexpr double kLongestBackOff = 5;

// Whether a broken stream may be taken up again: the coordinator is away or restarts. What it refuses, it refuses
// again.
bool MayComeBack(const absl::Status& status) {
  return status.ok() || absl::IsUnavailable(status) || absl::IsCancelled(status) || absl::IsInternal(status) ||
         absl::IsUnknown(status) || absl::IsDeadlineExceeded(status) || absl::IsAborted(status);
}

// The state of one Watch() call.
class Follower {
 public:
  Follower(Client* client, const std::string& sweep_id, const WatchOptions& options, const Interrupts& interrupts,
           Display* display)
      : client_(client), options_(options), interrupts_(interrupts), display_(display), sweep_id_(sweep_id) {}

  absl::StatusOr<WatchEnd> Run() {
    feed_ = std::make_unique<StatusFeed>(client_, sweep_id_);
    while (true) {
      if (interrupts_.count() > 0) return WatchEnd{last_.value_or(v1::SweepStatus()), true};
      if (auto s = options_.check(); !s.ok()) return s;
      bool fresh = false;
      if (auto s = feed_ != nullptr ? TakeNews(&fresh) : Redial(); !s.ok()) return s;
      if (auto s = Redraw(fresh); !s.ok()) return s;
      if (last_ && HasEnded(*last_)) return WatchEnd{*last_, false};
      const double wait = feed_ != nullptr ? kTick : std::clamp(dial_at_ - Now(), 0.01, kTick);
      if (feed_ != nullptr)
        WaitReadable({interrupts_.fd(), feed_->fd()}, wait);
      else
        WaitReadable({interrupts_.fd()}, wait);
    }
  }

 private:
  static double Now() { return SystemClock().Monotonic(); }

  absl::Status TakeNews(bool* fresh) {
    StatusFeed::News news = feed_->Take();
    if (news.latest) {
      last_ = std::move(*news.latest);
      sweep_id_ = last_->sweep_id();  // "the newest" stays the one that it was
      arrived_ = last_contact_ = Now();
      back_off_ = kFirstBackOff;
      note_.clear();
      *fresh = true;
    }
    // Both may have come since the last look: a state, and then the end of the stream.
    if (!news.ended || (last_ && HasEnded(*last_))) return absl::OkStatus();
    if (!last_ || !MayComeBack(*news.ended))
      return news.ended->ok() ? absl::InternalError("the coordinator sent no state of the sweep") : *news.ended;
    return Lost(*news.ended);
  }

  absl::Status Lost(const absl::Status& why) {
    const double silent = Now() - last_contact_;
    if (silent > options_.give_up_seconds)
      return absl::UnavailableError(fmt::format("gave up after {}: {}; 'rsg sweep watch {}' takes it up again",
                                                FormatDuration(silent), std::string(why.message()), sweep_id_));
    feed_.reset();
    note_ = fmt::format("the connection to {} is lost; trying again", client_->address());
    dial_at_ = Now() + back_off_;
    back_off_ = std::min(back_off_ * 2, kLongestBackOff);
    return absl::OkStatus();
  }

  absl::Status Redial() {
    if (Now() < dial_at_) return absl::OkStatus();
    client_->DialAnew();
    feed_ = std::make_unique<StatusFeed>(client_, sweep_id_);
    return absl::OkStatus();
  }

  absl::Status Redraw(bool fresh) {
    if (!last_) return absl::OkStatus();
    const double age = fresh ? 0 : std::max(Now() - arrived_, 1e-6);
    if (auto s = display_->Show(*last_, age, note_); !s.ok()) return s;
    return HasEnded(*last_) ? display_->Finish(*last_) : absl::OkStatus();
  }

  Client* const client_;
  const WatchOptions& options_;
  const Interrupts& interrupts_;
  Display* const display_;
  std::string sweep_id_;
  std::unique_ptr<StatusFeed> feed_;  // null while waiting to dial again
  std::optional<v1::SweepStatus> last_;
  std::string note_;
  double arrived_ = 0;
  double last_contact_ = 0;
  double dial_at_ = 0;
  double back_off_ = kFirstBackOff;
};

}  // namespace

absl::StatusOr<WatchEnd> Watch(Client* client, const std::string& sweep_id, const WatchOptions& options,
                               const Interrupts& interrupts, Display* display) {
  return Follower(client, sweep_id, options, interrupts, display).Run();
}

absl::Status CheckShowsProgress(Format format) {
  if (format != Format::kCsv) return absl::OkStatus();
  return absl::InvalidArgumentError("output: 'csv' shows no progress; use table or json");
}

int SweepExitCode(const v1::SweepStatus& sweep) {
  if (sweep.counts().failed() > 0) return kJobsFailed;
  return sweep.state() == v1::SWEEP_STATE_CANCELLED ? kFailed : kDone;
}

int ReportWatchEnd(const absl::StatusOr<WatchEnd>& end) {
  if (!end.ok()) return Report(end.status());
  const std::string& id = end->last.sweep_id();
  if (end->interrupted) {
    if (!id.empty())
      Say(fmt::format("sweep {} goes on; 'rsg sweep watch {}' shows it again, 'rsg sweep cancel {}' ends it", id, id,
                      id));
    return kInterrupted;
  }
  if (end->last.counts().failed() > 0)
    Say(
        fmt::format("{} jobs failed; 'rsg results list --sweep {} --outcome FAILED' says why, 'rsg sweep retry {}' "
                    "tries them again",
                    end->last.counts().failed(), id, id));
  return SweepExitCode(end->last);
}

}  // namespace rsg::cli
