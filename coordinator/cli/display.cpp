// The ways to show the progress of a sweep.
#include <fmt/format.h>

#include <utility>

#include "common/text.hpp"
#include "coordinator/cli/painter.hpp"
#include "coordinator/cli/rows.hpp"
#include "coordinator/cli/watch.hpp"
#include "coordinator/cli/watch_view.hpp"

namespace rsg::cli {
namespace {

absl::Status WriteSummary(int fd, const v1::SweepStatus& sweep) {
  return WriteAll(fd, SummaryLine(sweep, StyleOf(fd, ColorChoice::kNever).unicode) + "\n");
}

// Where there is no picture: what a person may have to see to, once each time that it changes.
class Asides {
 public:
  void Tell(const v1::SweepStatus& sweep, const std::string& note) {
    if (std::exchange(note_, note) != note && !note.empty()) Say(note);
    std::string absent;  // but for the time
    for (const v1::AbsentDevice& device : sweep.absent())
      absent += fmt::format("{} {} ", device.device_id(), static_cast<int>(device.agent_state()));
    if (std::exchange(absent_, absent) != absent)
      for (const std::string& line : AbsentLines(sweep)) Say(line);
  }

 private:
  std::string note_;
  std::string absent_;
};

class LiveDisplay : public Display {
 public:
  LiveDisplay(int fd, ColorChoice color) : fd_(fd), color_(color) {}

  absl::Status Show(const v1::SweepStatus& sweep, double age_seconds, const std::string& note) override {
    Style style = StyleOf(fd_, color_);  // at each picture: the terminal may have been resized
    const int width = style.width;
    --style.width;  // a line that fills the last column would leave the cursor in doubt
    if (!note.empty()) --style.height;
    auto lines = WatchLines(sweep, age_seconds, style);
    if (!note.empty())
      lines.push_back(Inked(style, Ink::kWarn, Fit(Printable(note, style.unicode), style.width, style.unicode)));
    return WriteAll(fd_, painter_.Paint(lines, width));
  }

  absl::Status Finish(const v1::SweepStatus& sweep) override { return WriteSummary(fd_, sweep); }

 private:
  const int fd_;
  const ColorChoice color_;
  Painter painter_;
};

class LineDisplay : public Display {
 public:
  explicit LineDisplay(int fd) : fd_(fd) {}

  absl::Status Show(const v1::SweepStatus& sweep, double, const std::string& note) override {
    asides_.Tell(sweep, note);
    const std::string now =
        fmt::format("{} {} {}", EndedJobs(sweep.counts()), sweep.counts().total(), static_cast<int>(sweep.state()));
    if (now == shown_) return absl::OkStatus();
    shown_ = now;
    return WriteAll(fd_, ProgressLine(sweep) + "\n");
  }

  absl::Status Finish(const v1::SweepStatus& sweep) override { return WriteSummary(fd_, sweep); }

 private:
  const int fd_;
  std::string shown_;
  Asides asides_;
};

class JsonDisplay : public Display {
 public:
  JsonDisplay(int fd, bool last_only) : fd_(fd), last_only_(last_only) {}

  absl::Status Show(const v1::SweepStatus& sweep, double age_seconds, const std::string& note) override {
    asides_.Tell(sweep, note);
    if (age_seconds > 0 || last_only_) return absl::OkStatus();
    return Print(sweep);
  }

  absl::Status Finish(const v1::SweepStatus& sweep) override { return last_only_ ? Print(sweep) : absl::OkStatus(); }

 private:
  // In the words of `sweep list`.
  absl::Status Print(const v1::SweepStatus& sweep) {
    return WriteAll(fd_, JsonObject(SweepColumns(), ToRow(sweep)) + "\n");
  }

  const int fd_;
  const bool last_only_;
  Asides asides_;
};

class QuietDisplay : public Display {
 public:
  explicit QuietDisplay(int fd) : fd_(fd) {}
  absl::Status Show(const v1::SweepStatus& sweep, double, const std::string&) override {
    asides_.Tell(sweep, "");
    return absl::OkStatus();
  }
  absl::Status Finish(const v1::SweepStatus& sweep) override { return WriteSummary(fd_, sweep); }

 private:
  const int fd_;
  Asides asides_;
};

}  // namespace

std::unique_ptr<Display> MakeDisplay(int fd, Format format, ColorChoice color) {
  if (format == Format::kJson) return std::make_unique<JsonDisplay>(fd, /*last_only=*/false);
  if (StyleOf(fd, color).live) return std::make_unique<LiveDisplay>(fd, color);
  return std::make_unique<LineDisplay>(fd);
}

std::unique_ptr<Display> MakeQuietDisplay(int fd, Format format) {
  if (format == Format::kJson) return std::make_unique<JsonDisplay>(fd, /*last_only=*/true);
  return std::make_unique<QuietDisplay>(fd);
}

}  // namespace rsg::cli
