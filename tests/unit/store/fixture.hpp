// What the store's tests share: a folder of their own, records that are plausible, and texts of records to compare.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/schedule/records.hpp"
#include "coordinator/store/reader.hpp"
#include "coordinator/store/sqlite.hpp"
#include "coordinator/store/store.hpp"

namespace rsg::store {

using Changes = std::vector<schedule::Change>;

inline constexpr char kLease[] = "0123456789abcdef0123456789abcdef";
inline constexpr char kOtherLease[] = "fedcba9876543210fedcba9876543210";

schedule::TokenRecord TokenOf(const std::string& id);
schedule::AgentRecord AgentOf(const std::string& id);
schedule::SweepRecord SweepOf(std::int64_t number);
schedule::JobRecord JobOf(std::int64_t sweep, std::int64_t job);
/// ASSIGNED, with kLease, to agent "a-1".
schedule::AttemptRecord AttemptOf(const schedule::AttemptKey& key);
/// Windows first..last; the first of all is warm-up.
std::vector<v1::Window> WindowsOf(std::uint32_t first, std::uint32_t last);
/// Those of a run that ended with ResultOf.
std::vector<v1::Window> MeasuredWindows(double throughput);
v1::Result ResultOf(double throughput);
schedule::EndAttempt EndOf(const schedule::AttemptKey& key, v1::Outcome outcome, std::optional<v1::Result> result = {});
/// The job as it stands after ending.
schedule::JobRecord EndedJob(schedule::JobRecord job, v1::Outcome outcome);

/// Token "t-1", agent "a-1", sweep 1 with jobs 1 and 2, attempt 1 of job 1.
Changes BaseChanges();
/// A job of sweep 1 that was run and measured.
Changes CompletedJob(schedule::JobRecord job, double throughput);

/// Every field, for comparing; records have no operator== because messages have none.
std::string Text(const schedule::SweepRecord& sweep);
std::string Text(const schedule::JobRecord& job);
std::string Text(const schedule::AttemptRecord& attempt);
std::string Text(const schedule::AgentRecord& agent);
std::string Text(const schedule::TokenRecord& token);
std::string Text(const schedule::Snapshot& snapshot);

/// Runs `body` in a forked child, which ends by _exit without closing anything. Its answer: "" or what went wrong.
std::string InChild(const std::function<std::string()>& body);

class StoreTest : public testing::Test {
 protected:
  StoreTest();
  ~StoreTest() override;

  std::unique_ptr<Store> OpenStore();
  std::unique_ptr<Reader> OpenReader();
  /// All rows of a question of our own, columns joined by '|', NULL as "NULL".
  std::vector<std::string> Ask(const std::string& sql);
  std::string AskOne(const std::string& sql);

  std::filesystem::path folder_;
  std::filesystem::path database_;
};

/// Sweeps 1 and 2, for jobs that tests complete, and the answers to what is asked of them.
class ResultsTest : public StoreTest {
 protected:
  ResultsTest() : store_(OpenStore()) {
    EXPECT_TRUE(store_->Apply(BaseChanges()).ok());
    EXPECT_TRUE(store_->Apply(Changes{schedule::PutSweep{SweepOf(2)}}).ok());
  }

  void Complete(
      std::int64_t sweep, std::uint32_t batch_size, double throughput,
      const std::function<void(schedule::JobRecord&)>& change = [](schedule::JobRecord&) {}) {
    auto job = JobOf(sweep, next_++);
    job.cell.set_batch_size(batch_size);
    change(job);
    const auto status = store_->Apply(CompletedJob(std::move(job), throughput));
    ASSERT_TRUE(status.ok()) << status;
  }

  std::vector<v1::ResultRow> All(const v1::QueryResultsRequest& request, std::uint32_t limit = 1000) {
    auto reader = OpenReader();
    std::vector<v1::ResultRow> rows;
    std::optional<schedule::JobKey> after;
    do {
      auto page = reader->ResultsPage(request, after, limit);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return rows;
      EXPECT_LE(page->rows.size(), limit);
      rows.insert(rows.end(), page->rows.begin(), page->rows.end());
      after = page->next;
    } while (after);
    return rows;
  }

  std::vector<std::string> Ids(const v1::QueryResultsRequest& request, std::uint32_t limit = 1000) {
    std::vector<std::string> ids;
    for (const auto& row : All(request, limit)) ids.push_back(row.job().job_id());
    return ids;
  }

  using Strings = std::vector<std::string>;
  std::int64_t next_ = 10;
  std::unique_ptr<Store> store_;
};

}  // namespace rsg::store
