// Brings the script of an attempt onto this machine before its trainer starts: from what is there already or was begun,
// over as many calls as it takes. Time, randomness and the wire come from outside; the files are real. One thread.
//
// It goes on where a call broke, waits between calls with full jitter, and gives up when nothing has come for five
// minutes, after an hour in all, or on an answer that will not change.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/protocol/backoff.hpp"
#include "agent/script/script_source.hpp"
#include "common/content_store.hpp"

namespace rsg::agent {

class ScriptFetcher {
 public:
  struct Done {
    std::string attempt_id;
    /// The file. NOT_FOUND and DATA_LOSS: no machine will get it; other errors: this one did not, this time.
    absl::StatusOr<std::filesystem::path> file;
    bool came = false;  ///< over the wire, and was not here before
  };

  ScriptFetcher(ContentStore* store, ScriptSource* source, Random random)
      : store_(store), source_(source), backoff_(std::move(random)) {}

  /// `assign`'s cell has a script. Not while another one is fetched.
  void Start(const v1::Assign& assign, double now);
  /// Gives up what is fetched, without a Done. What has come stays for the next time.
  void Stop();
  bool active() const { return job_.has_value(); }

  /// Does what is due and takes what came.
  std::optional<Done> Poll(double now);
  /// When Poll is due besides the source's descriptor; kNever when nothing is.
  double Deadline() const;

 private:
  struct Job {
    v1::FetchScriptRequest request;
    std::uint64_t bytes = 0;
    std::unique_ptr<Incoming> incoming;
    double give_up_at = 0;   // in all
    double progress_by = 0;  // or nothing has come for too long
    double silent_at = 0;    // of the call under way
    double ask_at = 0;
    bool came = false;
    bool spoiled = false;  // it came whole with another checksum once
    std::string trouble;   // why the last call ended
  };

  std::optional<Done> Conclude(absl::StatusOr<std::filesystem::path> file);
  std::optional<Done> Take(const v1::ScriptChunk& chunk, double now);
  std::optional<Done> CallEnded(absl::Status status, double now);
  std::optional<Done> Ask(double now);
  std::optional<Done> Keep(double now);

  ContentStore* const store_;
  ScriptSource* const source_;
  Backoff backoff_;
  std::optional<Job> job_;
  bool calling_ = false;   // a call is under way, of this job or of one that was stopped
  bool leftover_ = false;  // it is of one that was stopped
};

}  // namespace rsg::agent
