// What is to be done next for one run, and when. Pure.
#pragma once
#include <cstdint>
#include <limits>
#include <optional>

#include "coordinator/store/outbox.hpp"

namespace rsg::wandb {

/// Seconds between requests, and sizes.
struct Pace {
  double batch = 15;           ///< between two chunks of a run whose job goes on
  double heartbeat = 30;       ///< W&B takes a run for crashed after 5 minutes without one
  double stream_gap = 0.52;    ///< between two requests to a run's file stream; W&B allows about 2 a second
  double request_gap = 0.125;  ///< between any two requests
  double verify_delay = 0.5;   ///< between the end of a run and reading it back
  double first_backoff = 2;    ///< doubled with each failure in a row
  double last_backoff = 60;
  std::uint32_t most_lines = 1000;  ///< of a chunk
};

/// What is known of a run while the forwarder lives; after a restart it begins anew.
struct RunTimers {
  double since = 0;       ///< when the present state was seen first; who waits longest comes first
  double not_before = 0;  ///< after a failure
  double last_stream = -std::numeric_limits<double>::infinity();  ///< the last request to its file stream
  unsigned failures = 0;                                          ///< in a row
  unsigned file_failures = 0;                                     ///< of its files' storage
  unsigned readings = 0;                                          ///< of the ended run that did not find all there
  std::uint32_t most_lines = std::numeric_limits<std::uint32_t>::max();  ///< that W&B has taken at once
};

enum class Step {
  kUpsert,  ///< make the run known
  kFiles,   ///< send its files
  kChunk,   ///< send lines, the end, or both
  kHeartbeat,
  kVerify,  ///< read it back
  kReopen   ///< it had been ended, and its job goes on
};

struct Plan {
  Step step = Step::kHeartbeat;
  double due = 0;                                ///< monotonic
  std::uint32_t chunk_end = 0;                   ///< of kChunk
  std::optional<int> chunk_exit = std::nullopt;  ///< of kChunk
};

/// `run` is neither done nor stuck.
Plan NextStep(const store::UnsentRun& run, const RunTimers& timers, const Pace& pace);

/// 2, 4, 8, ... seconds after the first, second, third failure, at most `last_backoff`; what the server asks for when
/// it asks for more, within an hour.
double Backoff(unsigned failures, std::optional<double> retry_after, const Pace& pace);

}  // namespace rsg::wandb
