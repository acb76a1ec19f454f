// The machine's state and the verdict in words for people.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// Rows of a summary, name and value: the machine's state as it was read, the verdict with its evidence, a soak beside
/// the measurement. A row for which there is nothing to say is left out.
std::vector<std::pair<const char*, std::string>> StateRows(const v1::Result& result);

/// What a line of progress ends with: nothing, or "   THROTTLED so far".
std::string VerdictSoFar(v1::Verdict verdict);

/// "warming the device   63 °C, 1280.0 samples/s": a line of progress while the thermal gate holds the run.
std::string WarmingLine(const v1::Window& window);

/// A line of progress during a soak; `share` of it from 0 to 1.
std::string SoakLine(const v1::Window& window, double share);

}  // namespace rsg::trainer
