// The documented views of results say what QueryResults says.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/words.hpp"
#include "coordinator/cli/rows.hpp"
#include "fixture.hpp"

namespace rsg::store {
namespace {

using namespace schedule;

// The view's row, rebuilt from the answer.
std::string ViewRow(const v1::ResultRow& row) {
  const auto& job = row.job();
  const auto& cell = job.cell();
  const auto text = [](const std::string& value) { return value.empty() ? "NULL" : value; };
  std::vector<std::string> columns{job.sweep_id(),
                                   job.job_id(),
                                   job.device_name(),
                                   job.device_id(),
                                   text(job.agent_name()),
                                   cell.model(),
                                   absl::StrCat(cell.batch_size()),
                                   absl::StrCat(cell.image_size()),
                                   Word(cell.precision()),
                                   Word(cell.memory_format()),
                                   Word(cell.mode()),
                                   absl::StrCat(job.repeat()),
                                   Word(job.outcome()),
                                   job.reason()};
  const auto& result = row.result();
  if (row.has_result()) {
    columns.insert(
        columns.end(),
        {absl::StrCat(result.throughput()), absl::StrCat(result.ci_low()), absl::StrCat(result.ci_high()),
         absl::StrCat(50 * (result.ci_high() - result.ci_low()) / result.throughput()),
         absl::StrCat(result.window_cv()), absl::StrCat(result.windows()), absl::StrCat(result.steps()),
         absl::StrCat(result.samples()), absl::StrCat(result.seconds()), Word(result.stop_reason()),
         Word(result.verdict()), result.evidence(), absl::StrCat(result.drained_share()),
         absl::StrCat(result.physics().share_of_peak()), absl::StrCat(result.peak_memory_mib()),
         result.stack().torch_version(), result.keys().method(), result.keys().stack(), result.keys().machine()});
  } else {
    columns.insert(columns.end(), 19, "NULL");
  }
  columns.push_back(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ",
                                     absl::FromUnixSeconds(static_cast<std::int64_t>(row.ended_unix_seconds())),
                                     absl::UTCTimeZone()));
  columns.push_back(job.machine_id());
  return absl::StrJoin(columns, "|");
}

TEST_F(ResultsTest, ViewsAndAnswersAgree) {
  Complete(1, 32, 400.5);
  Complete(1, 64, 600.25);
  Complete(2, 64, 512.125, [](JobRecord& job) { job.cell.set_precision(v1::PRECISION_BF16); });
  auto skipped = EndedJob(JobOf(2, 20), v1::OUTCOME_SKIPPED);
  skipped.reason = "s2.19 ran out of memory";
  ASSERT_TRUE(store_->Apply(Changes{PutJob{skipped}}).ok());
  const std::string columns =
      "sweep_id, job_id, device_name, device_id, agent, model, batch_size, image_size, precision, memory_format, mode, "
      "repeat, outcome, reason, printf('%g', throughput), printf('%g', ci_low), printf('%g', ci_high), "
      "printf('%g', half_width_percent), printf('%g', window_cv), windows, steps, samples, printf('%g', seconds), "
      "stop_reason, verdict, evidence, printf('%g', drained_share), printf('%g', share_of_peak), peak_memory_mib, "
      "torch_version, method_key, stack_key, machine_key, ended, machine_id";
  auto seen = Ask("SELECT " + columns + " FROM v_results ORDER BY sweep, job");
  // printf makes 0 of NULL.
  for (auto& row : seen) {
    if (row.find("SKIPPED") == std::string::npos) continue;
    row = "s2|s2.20|NVIDIA GeForce RTX 3090|GPU-1|NULL|resnet50|64|224|fp32-strict|nhwc|standard|2|SKIPPED|" +
          skipped.reason + absl::StrJoin(Strings(20, "|"), "NULL") + "2023-11-14T22:14:01Z|machine 1";
  }
  Strings answered;
  v1::QueryResultsRequest request;
  for (const auto& row : All(request)) answered.push_back(ViewRow(row));
  EXPECT_EQ(seen, answered);

  request.set_best(true);
  answered.clear();
  for (const auto& row : All(request)) answered.push_back(ViewRow(row));
  EXPECT_EQ(
      Ask("SELECT " + columns + " FROM v_best ORDER BY device_name, model, image_size, precision, memory_format, mode"),
      answered);
}

TEST_F(ResultsTest, ViewsColumnsAreThoseOfTheCommandLine) {
  Strings columns;
  for (const cli::Column& column : cli::ResultColumns())
    if (!column.people) columns.push_back(column.name);
  EXPECT_EQ(Ask("SELECT name FROM pragma_table_info('v_results')"), columns);
}

}  // namespace
}  // namespace rsg::store
