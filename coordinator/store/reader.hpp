// Questions to the coordinator's database, while the coordinator runs or without it (`rsg results --state DIR`).
//
// A read-only connection: it can neither write nor checkpoint. Each call is one short transaction, so a slow client
// never holds the WAL open: page on with what the page says is next. A Reader is used by one thread at a time; open one
// for each thread. Close readers before the Store, else the WAL's files stay behind (no harm, only untidy).
//
// Errors as in store.hpp; NOT_FOUND when there is no database or no such sweep. Limits outside 1..kMaxPage are clamped.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/schedule/records.hpp"
#include "rsg/v1/control.pb.h"

namespace rsg::store {

inline constexpr std::uint32_t kMaxPage = 1000;

struct StoredSweep {
  schedule::SweepRecord sweep;
  std::vector<schedule::JobRecord> jobs;  ///< all, by number
  std::vector<v1::Job> controls;          ///< the control jobs among them, as they are shown
};

struct PageOfJobs {
  std::vector<v1::Job> jobs;
  std::optional<std::int64_t> next;  ///< `after_job` of the next page; absent: that was all
};

struct PageOfResults {
  std::vector<v1::ResultRow> rows;
  std::optional<schedule::JobKey> next;  ///< `after` of the next page; absent: that was all
};

class Reader {
 public:
  /// Opens an existing database. FAILED_PRECONDITION when its schema is not exactly this program's.
  static absl::StatusOr<std::unique_ptr<Reader>> Open(const std::filesystem::path& database);

  /// The newest sweeps, newest first, with their counts; without `running`, `eta_seconds` and `drift`.
  absl::StatusOr<std::vector<v1::SweepStatus>> ListSweeps(std::uint32_t limit);

  /// A sweep with all its jobs, ended or not.
  absl::StatusOr<StoredSweep> FindSweep(std::int64_t sweep);

  /// The sweep that a request with this id made, if there is one.
  absl::StatusOr<std::optional<std::int64_t>> FindRequest(const std::string& request_id);

  /// Jobs of a sweep by number, those above `after_job` (0: from the first). A RUNNING job's throughput is that of its
  /// measured windows so far. Without `elapsed_seconds`. An unknown sweep has no jobs.
  absl::StatusOr<PageOfJobs> JobsPage(std::int64_t sweep, std::int64_t after_job, std::uint32_t limit);

  /// Ended jobs, control jobs only when they are asked for, that meet all conditions of the request, in the order of
  /// their sweep and number. With `best`: one row for each device name, model, image size, precision, memory format and
  /// mode, in the order of these: the COMPLETED job of highest throughput among those that meet the conditions; repeats
  /// compete as single jobs, the earlier wins a tie. INVALID_ARGUMENT when sweep_id is not one.
  absl::StatusOr<PageOfResults> ResultsPage(const v1::QueryResultsRequest& request,
                                            const std::optional<schedule::JobKey>& after, std::uint32_t limit);

  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

 private:
  struct Parts;
  explicit Reader(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace rsg::store
