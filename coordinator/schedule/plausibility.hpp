// Whether a measurement can be what its agent says it is: its windows, its result and the coordinator's clock must fit
// together. A rented machine's owner is not trusted; what does not fit is kept, and marked. Pure.
//
// An agent that makes all of it up so that it fits is not found here: its own machine is its own to lie about.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rsg/v1/types.pb.h"

namespace rsg::schedule {

/// A stored window, as far as it is looked at; see v1::Window.
struct MeasuredWindow {
  std::uint32_t steps = 0;
  std::uint32_t samples = 0;
  double seconds = 0;
  double wall_seconds = 0;
  double start_seconds = 0;
  bool warm_up = false;
};

/// What speaks against a result, one line for a person each; none when nothing does.
///
/// `windows`: all of the attempt, by sequence. `elapsed_seconds`: from handing the attempt out to its end, by the
/// coordinator's clock. It is the only bound that holds when the coordinator was away in between, for what an agent
/// kept meanwhile arrives all at once; a start that it reports late says nothing.
///  * A measured window, with what passed until the next one began, took more than five times the median, for each of
///    its steps (windows have different lengths), and kLeastGapSeconds longer than it should: the machine was frozen.
///  * Measured windows overlap, or leave more than half of the time between the first and the last unaccounted for.
///  * Windows, steps, samples, seconds, throughput or median of the result are not those of its measured windows.
///  * The windows go on for longer than the attempt did.
///  * More floating point operations than the device can do, by the peak that the result itself tells.
///  * It was interrupted: what was measured by then is no result of a job.
std::vector<std::string> FindTaints(std::span<const MeasuredWindow> windows, const v1::Result& result,
                                    double elapsed_seconds);

/// What a noisy machine loses now and then is no freeze.
inline constexpr double kLeastGapSeconds = 0.5;

}  // namespace rsg::schedule
