// What people see of a run: progress on stderr, the summary on stdout. On a terminal progress is one line that renews
// itself; elsewhere it is a plain line every few seconds.
#pragma once
#include <string>

#include "rsg/v1/trainer.pb.h"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// "resnet50, batch 64, 224 px, fp32, nchw".
std::string Describe(const v1::Cell& cell);
/// The readable summary of a finished run, several lines with the last line's end. `has_tf32`: the device's hardware.
std::string Summarise(const v1::TrainerStarted& started, const v1::Result& result, bool has_tf32);
/// What is known of a run while it goes on.
struct Figures {
  double throughput = 0;  ///< samples per second of the measured windows so far; 0 in warm-up
  double half_width = 0;  ///< of its 95 % interval, as a share of it; 0: not known yet
  double progress = 0;    ///< of the run, from 0 to 1
};
/// One line of progress without its end.
std::string ProgressLine(const v1::Window& window, const Figures& figures);

/// Not thread-safe.
class Console {
 public:
  /// `quiet`: no progress unless stderr is a terminal; `json`: no summary, stdout belongs to JSON.
  Console(bool quiet, bool json);
  void Starting(const v1::Cell& cell, const std::string& device);
  void Progress(const v1::Window& window, const Figures& figures);
  /// The verdict so far, for the lines of progress from now on.
  void SetVerdict(v1::Verdict verdict) { verdict_ = verdict; }
  /// In place of Progress while the thermal gate holds the run, and during a soak, of which `share` is over.
  void Warming(const v1::Window& window);
  void Soaking(const v1::Window& window, double share);
  /// One line on stderr, "rsg-trainer: ...", about something that does not end the run; not when quiet.
  void Note(const std::string& text);
  /// The same, also when quiet: why there is no result, or why it is not what one expects.
  void Warn(const std::string& text);
  void Finished(const v1::TrainerStarted& started, const v1::Result& result, bool has_tf32);

 private:
  void Show(const v1::Window& window, const std::string& line);
  void ClearLine();
  const bool terminal_;
  const bool quiet_;
  const bool json_;
  bool line_shown_ = false;
  double last_line_at_ = 0;
  v1::Verdict verdict_ = v1::VERDICT_UNSPECIFIED;
};

}  // namespace rsg::trainer
