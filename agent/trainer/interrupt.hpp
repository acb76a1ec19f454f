// SIGINT and SIGTERM as a flag that the loop looks at between steps.
#pragma once
#include <atomic>

namespace rsg::trainer {

/// From now on the first SIGINT or SIGTERM only sets the flag, the second ends the process as by default. SIGPIPE is
/// ignored: a reader that went away shows as a failed write.
void CatchSignals();

/// The signal that came, or 0.
const std::atomic<int>& InterruptingSignal();

}  // namespace rsg::trainer
