// W&B's wire: the only place that knows its addresses, bodies and answers. Pure. What it sends is what W&B's own client
// sends (wandb 0.31), with two differences in numbers: a float always has a decimal point or an exponent (that client
// writes 100.0 as 100, which reads back as an integer), and what is not finite is left out (that client writes NaN,
// which other readers refuse).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/wandb/history.hpp"

namespace rsg::wandb {

/// What is asked of W&B. The answers are judged differently.
enum class Call { kUpsert, kStream, kHeartbeat, kCreateFiles, kPutFile, kRead, kRepair };

struct HttpRequest {
  Call call = Call::kHeartbeat;
  std::string
      address;  ///< a path below the base URL ("/graphql"); of kPutFile a whole URL, where no key is to be shown
  std::string body;
  std::vector<std::string> headers;  ///< "Name: value", beside those that every call has
};

struct HttpAnswer {
  int status = 0;  ///< 0: there was none
  std::string body;
  std::optional<double> retry_after;  ///< seconds that the server asks to wait
  std::string error;                  ///< why there was no answer
};

/// What a run is called. Texts within W&B's limits (128 characters, a tag 64).
struct RunHeader {
  std::string run_id;
  std::string entity;  ///< empty: the key's own
  std::string project;
  std::string group;
  std::string job_type;
  std::string display_name;
  std::string host;
  std::vector<std::string> tags;
  Fields config;
};

/// A piece of a run: lines of its history that follow each other, the summary, the end.
struct Chunk {
  std::vector<Line> lines;  ///< the first one's step is the offset
  std::optional<Line> summary;
  std::optional<int> exit_code;       ///< ends the run
  std::vector<std::string> uploaded;  ///< names of files that have been put
};

HttpRequest UpsertRequest(const RunHeader& header);
/// `entity`, `project` and `run_id` as the upsert's answer has them.
HttpRequest StreamRequest(std::string_view entity, std::string_view project, std::string_view run_id,
                          const Chunk& chunk);
HttpRequest HeartbeatRequest(std::string_view entity, std::string_view project, std::string_view run_id);
HttpRequest ReadRequest(std::string_view entity, std::string_view project, std::string_view run_id);
/// Replaces the summary; `summary` is its JSON.
HttpRequest RepairRequest(std::string_view storage_id, const std::string& summary);
HttpRequest CreateFilesRequest(std::string_view entity, std::string_view project, std::string_view run_id,
                               const std::vector<std::string>& names);

// The answers. Errors say what was not as expected, for a person.

/// Names: one line, at most 1024 bytes each.
struct UpsertAnswer {
  std::string storage_id;
  std::string entity;
  std::string project;
};
absl::StatusOr<UpsertAnswer> ParseUpsert(const std::string& body);

struct ReadAnswer {
  bool found = false;
  bool ended = false;                ///< finished or failed
  std::string state;                 ///< printable, at most 64 bytes
  std::vector<std::string> missing;  ///< keys of the expected summary that it lacks
  std::string repaired;              ///< its summary and what is missing, as JSON
};
absl::StatusOr<ReadAnswer> ParseRead(const std::string& body, const Line& expected);

/// One request a file: PUT of its text to where the answer says first, with its headers (one line each, at most 64).
absl::StatusOr<std::vector<HttpRequest>> ParseCreateFiles(
    const std::string& body, const std::vector<std::pair<std::string, std::string>>& texts);

/// What an answer means for what was asked.
struct Verdict {
  enum class Kind {
    kOk,
    kRetry,     ///< the same again, later
    kPause,     ///< nothing can be sent before a person has seen to it
    kNoPlace,   ///< entity and project are not there, or not this key's to write: of this run, or of all that go there
    kTooLarge,  ///< the same in smaller pieces
    kStuck      ///< this run will not be taken as it is
  } kind = Kind::kOk;
  std::string why;  ///< for a person, with the remedy; printable, at most some hundred bytes
};
Verdict Judge(Call call, const HttpAnswer& answer);

/// A line as JSON, as it stands in the history. For tests, and for how long it is.
std::string LineJson(const Line& line);
std::string SummaryJson(const Line& summary);

}  // namespace rsg::wandb
