// What the store's tests share: a folder of their own, records that are plausible, and texts of records to compare.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
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

}  // namespace rsg::store
