// Watching a sweep through broken streams, restarts and Ctrl-C.
#include "coordinator/cli/watch.hpp"

#include <gmock/gmock.h>
#include <signal.h>

#include <thread>

#include "coordinator/cli/watch_view.hpp"
#include "fake_control.hpp"

namespace rsg::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

struct RecordingDisplay : Display {
  absl::Status Show(const v1::SweepStatus& sweep, double age_seconds, const std::string& note) override {
    if (age_seconds == 0) shown.push_back(EndedJobs(sweep.counts()));
    if (!note.empty() && (notes.empty() || notes.back() != note)) notes.push_back(note);
    return on_show(sweep);
  }
  absl::Status Finish(const v1::SweepStatus&) override {
    finished = true;
    return absl::OkStatus();
  }
  std::function<absl::Status(const v1::SweepStatus&)> on_show = [](const auto&) { return absl::OkStatus(); };
  std::vector<std::uint32_t> shown;
  std::vector<std::string> notes;
  bool finished = false;
};

class WatchTest : public FakeCoordinatorTest {
 protected:
  absl::StatusOr<WatchEnd> Follow(const WatchOptions& options = {}) {
    const Interrupts interrupts;
    return Watch(client_.get(), "", options, interrupts, &display_);
  }

  RecordingDisplay display_;
};

TEST_F(WatchTest, FollowsUntilTheSweepHasEnded) {
  control_.watches = {[](grpc::ServerContext*, Writer* writer) {
    writer->Write(Status(v1::SWEEP_STATE_COMPLETED, 2));
    return grpc::Status::OK;
  }};
  const auto end = Follow();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_FALSE(end->interrupted);
  EXPECT_EQ(end->last.state(), v1::SWEEP_STATE_COMPLETED);
  EXPECT_THAT(display_.shown, ElementsAre(2));
  EXPECT_TRUE(display_.finished);
}

TEST_F(WatchTest, TakesABrokenStreamUpAgainAndSaysSo) {
  control_.watches = {[](grpc::ServerContext*, Writer* writer) -> grpc::Status {
                        writer->Write(Status(v1::SWEEP_STATE_RUNNING, 1));
                        return {grpc::StatusCode::UNAVAILABLE, "restarting"};
                      },
                      [](grpc::ServerContext*, Writer* writer) {
                        writer->Write(Status(v1::SWEEP_STATE_COMPLETED, 2));
                        return grpc::Status::OK;
                      }};
  const auto end = Follow();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_THAT(display_.shown, ElementsAre(1, 2));
  ASSERT_THAT(display_.notes, SizeIs(1));
  EXPECT_THAT(display_.notes[0], HasSubstr("lost; trying again"));
  EXPECT_THAT(control_.watched, ElementsAre("", "s7")) << "the newest stays the one that it was";
}

TEST_F(WatchTest, FindsACoordinatorThatHasRestarted) {
  control_.watches = {[](grpc::ServerContext* context, Writer* writer) {
                        writer->Write(Status(v1::SWEEP_STATE_RUNNING, 1));
                        return WaitForCancel(context);
                      },
                      [](grpc::ServerContext*, Writer* writer) {
                        writer->Write(Status(v1::SWEEP_STATE_COMPLETED, 2));
                        return grpc::Status::OK;
                      }};
  std::thread restart;
  display_.on_show = [&](const v1::SweepStatus& sweep) {
    if (HasEnded(sweep) || restart.joinable()) return absl::OkStatus();
    restart = std::thread([this] {
      server_->Shutdown(std::chrono::system_clock::now());
      usleep(700'000);  // the first dial finds nobody
      StartServer();
    });
    return absl::OkStatus();
  };
  const auto end = Follow();
  restart.join();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_THAT(display_.shown, ElementsAre(1, 2));
}

TEST_F(WatchTest, GivesUpAfterAWhile) {
  control_.watches = {[](grpc::ServerContext*, Writer* writer) -> grpc::Status {
                        writer->Write(Status(v1::SWEEP_STATE_RUNNING, 1));
                        return {grpc::StatusCode::UNAVAILABLE, "restarting"};
                      },
                      [](grpc::ServerContext*, Writer*) -> grpc::Status {
                        return {grpc::StatusCode::UNAVAILABLE, "restarting"};
                      }};
  const auto end = Follow({.give_up_seconds = 0.2});
  EXPECT_TRUE(absl::IsUnavailable(end.status())) << end.status();
  EXPECT_THAT(std::string(end.status().message()), HasSubstr("rsg sweep watch s7"));
}

TEST_F(WatchTest, RefusalEndsItAtOnce) {
  control_.watches = {[](grpc::ServerContext*, Writer*) -> grpc::Status {
    return {grpc::StatusCode::NOT_FOUND, "sweep 's9' is unknown"};
  }};
  EXPECT_TRUE(absl::IsNotFound(Follow().status()));
  EXPECT_THAT(control_.watched, SizeIs(1));
}

TEST_F(WatchTest, CtrlCLeavesTheSweepRunning) {
  control_.watches = {[](grpc::ServerContext* context, Writer* writer) {
    writer->Write(Status(v1::SWEEP_STATE_RUNNING, 1));
    return WaitForCancel(context);
  }};
  display_.on_show = [](const v1::SweepStatus&) {
    raise(SIGINT);
    return absl::OkStatus();
  };
  const auto end = Follow();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_TRUE(end->interrupted);
  EXPECT_EQ(end->last.sweep_id(), "s7");
  EXPECT_FALSE(display_.finished);
}

TEST_F(WatchTest, DeadAgentOrReaderEndsIt) {
  control_.watches = {[](grpc::ServerContext* context, Writer* writer) {
    writer->Write(Status(v1::SWEEP_STATE_RUNNING, 1));
    return WaitForCancel(context);
  }};
  EXPECT_TRUE(absl::IsAborted(Follow({.check = [] { return absl::AbortedError("rsg-agent ended"); }}).status()));
  display_.on_show = [](const v1::SweepStatus&) { return absl::UnavailableError("the reader went away"); };
  EXPECT_TRUE(absl::IsUnavailable(Follow().status()));
}

}  // namespace
}  // namespace rsg::cli
