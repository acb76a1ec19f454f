// Where scripts come from, as their fetcher sees it: one call at a time.
#pragma once
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "rsg/v1/fleet.pb.h"

namespace rsg::agent {

/// All functions belong to one thread.
class ScriptSource {
 public:
  /// The call is over; OK: the coordinator has sent the file to its end.
  struct Ended {
    absl::Status status;
  };
  using Report = std::variant<v1::ScriptChunk, Ended>;

  virtual ~ScriptSource() = default;
  /// Readable when Take has something.
  virtual int fd() const = 0;
  /// Begins a call; comes to Ended. Not while one is under way.
  virtual void Ask(const v1::FetchScriptRequest& request) = 0;
  /// Cuts the call short; comes to Ended. Nothing when none is under way.
  virtual void Cancel() = 0;
  /// What came, in order. The next chunk is asked for only now. Never waits.
  virtual std::vector<Report> Take() = 0;
};

}  // namespace rsg::agent
