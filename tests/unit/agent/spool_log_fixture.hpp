// The log of one process on a folder in memory, and what the next process finds there.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/spool/spool_log.hpp"
#include "machine_driver.hpp"
#include "spool_memory.hpp"

namespace rsg::agent {

class SpoolLogTest : public ::testing::Test {
 protected:
  static v1::AttemptStarted Started(const std::string& id) {
    v1::AttemptStarted started;
    started.set_attempt_id(id);
    started.set_lease_token(kToken);
    started.set_device_name("Some CPU");
    return started;
  }
  static v1::AttemptFinished End(std::uint32_t final_sequence) {
    v1::AttemptFinished end;
    end.set_outcome(v1::OUTCOME_COMPLETED);
    end.mutable_result()->set_throughput(12);
    end.set_final_sequence(final_sequence);
    return end;
  }
  static std::vector<std::uint32_t> Sequences(const KeptAttempt& attempt) {
    std::vector<std::uint32_t> sequences;
    for (const v1::Window& window : attempt.windows) sequences.push_back(window.sequence());
    return sequences;
  }
  static std::vector<std::string> Warnings(const SpoolLog::Found& found) {
    std::vector<std::string> texts;
    for (const Log& log : found.log)
      if (log.level == LogLevel::kWarning) texts.push_back(log.text);
    return texts;
  }

  absl::Status Keep(const KeptRecord& record, const std::string& id = "s1.1.1") {
    return log_->Keep({.attempt_id = id, .record = record});
  }
  void Begin(const std::string& id = "s1.1.1") {
    ASSERT_TRUE(Keep(GoodAssign(id), id).ok());
    ASSERT_TRUE(Keep(Started(id), id).ok());
  }
  void Windows(std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t i = first; i <= last; ++i) ASSERT_TRUE(Keep(GoodWindow(i)).ok());
  }
  void Release(std::optional<std::uint32_t> through, const std::string& id = "s1.1.1") {
    log_->Release({.attempt_id = id, .through = through});
  }
  /// Windows 1 to the first number, the rest in a second segment, and the end.
  std::uint32_t TwoSegments() {
    Begin();
    std::uint32_t last = 0;
    while (disk_.files.size() < 2) Windows(last + 1, last + 1), ++last;
    Windows(last + 1, last + 3);
    EXPECT_TRUE(Keep(End(last + 3)).ok());
    return last - 1;
  }
  /// The next process.
  SpoolLog::Found Open() {
    log_ = std::make_unique<SpoolLog>(&disk_);
    return log_->Open();
  }

  SpoolMemory disk_;
  std::unique_ptr<SpoolLog> log_ = std::make_unique<SpoolLog>(&disk_);
};

}  // namespace rsg::agent
