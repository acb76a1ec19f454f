// What is written of a sweep that is followed, and the exit code that its end gives.
#include <gmock/gmock.h>

#include "coordinator/cli/rows.hpp"
#include "coordinator/cli/watch.hpp"
#include "coordinator/cli/watch_view.hpp"
#include "fake_control.hpp"

namespace rsg::cli {
namespace {

using testing::HasSubstr;

// What a display writes for a sweep that runs and then has ended.
std::string Written(const std::function<std::unique_ptr<Display>(int fd)>& make) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const auto display = make(ends[1]);
  EXPECT_TRUE(display->Show(Status(v1::SWEEP_STATE_RUNNING, 1), 0, "").ok());
  EXPECT_TRUE(display->Show(Status(v1::SWEEP_STATE_RUNNING, 1), 1, "").ok());
  EXPECT_TRUE(display->Show(Status(v1::SWEEP_STATE_COMPLETED, 2), 0, "").ok());
  EXPECT_TRUE(display->Finish(Status(v1::SWEEP_STATE_COMPLETED, 2)).ok());
  close(ends[1]);
  char buffer[4096];
  const ssize_t got = read(ends[0], buffer, sizeof buffer);
  close(ends[0]);
  return std::string(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
}

TEST(Displays, JsonIsTheRowOfSweepList) {
  const auto row = [](v1::SweepState state, std::uint32_t completed) {
    return JsonObject(SweepColumns(), ToRow(Status(state, completed))) + "\n";
  };
  const std::string last = row(v1::SWEEP_STATE_COMPLETED, 2);
  EXPECT_THAT(last, HasSubstr(R"("state":"COMPLETED")"));
  EXPECT_EQ(Written([](int fd) { return MakeDisplay(fd, Format::kJson, ColorChoice::kNever); }),
            row(v1::SWEEP_STATE_RUNNING, 1) + last);
  EXPECT_EQ(Written([](int fd) { return MakeQuietDisplay(fd, Format::kJson); }), last);
}

TEST(SweepExitCode, TellsHowItEnded) {
  v1::SweepStatus sweep = Status(v1::SWEEP_STATE_COMPLETED, 2);
  EXPECT_EQ(SweepExitCode(sweep), kDone);
  sweep.mutable_counts()->set_out_of_memory(1);
  EXPECT_EQ(SweepExitCode(sweep), kDone);
  sweep.mutable_counts()->set_failed(1);
  EXPECT_EQ(SweepExitCode(sweep), kJobsFailed);
  EXPECT_EQ(SweepExitCode(Status(v1::SWEEP_STATE_CANCELLED, 0)), kFailed);
}

}  // namespace
}  // namespace rsg::cli
