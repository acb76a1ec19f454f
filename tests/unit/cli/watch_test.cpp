// Client and watch against a coordinator that says what the test wants.
#include "coordinator/cli/watch.hpp"

#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "common/tls.hpp"
#include "coordinator/cli/rows.hpp"
#include "coordinator/cli/sweep_submit.hpp"
#include "coordinator/cli/watch_view.hpp"

namespace rsg::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

using Writer = grpc::ServerWriter<v1::SweepStatus>;

class FakeControl : public v1::Control::Service {
 public:
  /// What each WatchSweep call does, in order; the last one again and again.
  std::vector<std::function<grpc::Status(grpc::ServerContext*, Writer*)>> watches;
  std::vector<std::string> watched;  // sweep ids asked for
  std::vector<std::string> request_ids;
  std::string authorization;
  int refusals = 0;  // of SubmitSweep, before it answers

  grpc::Status WatchSweep(grpc::ServerContext* context, const v1::WatchSweepRequest* request, Writer* writer) override {
    std::size_t call = 0;
    {
      const std::lock_guard lock(mutex_);
      watched.push_back(request->sweep_id());
      call = std::min(watched.size(), watches.size()) - 1;
    }
    return watches[call](context, writer);
  }

  grpc::Status ListAgents(grpc::ServerContext*, const v1::ListAgentsRequest*,
                          v1::ListAgentsResponse* response) override {
    for (int i = 0; i < 10'000; ++i) {
      v1::Agent& agent = *response->add_agents();
      agent.set_agent_id(std::to_string(i));
      agent.mutable_machine()->set_hostname(std::string(i == 0 ? 16'000 : 1'000, 'x'));
    }
    return grpc::Status::OK;
  }

  grpc::Status SubmitSweep(grpc::ServerContext* context, const v1::SubmitSweepRequest* request,
                           v1::SubmitSweepResponse* response) override {
    const std::lock_guard lock(mutex_);
    const auto found = context->client_metadata().find("authorization");
    if (found != context->client_metadata().end())
      authorization = std::string(found->second.data(), found->second.size());
    request_ids.push_back(request->request_id());
    if (refusals-- > 0) return {grpc::StatusCode::UNAVAILABLE, "restarting"};
    response->set_sweep_id("s7");
    return grpc::Status::OK;
  }

 private:
  std::mutex mutex_;
};

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

v1::SweepStatus Status(v1::SweepState state, std::uint32_t completed) {
  v1::SweepStatus sweep;
  sweep.set_sweep_id("s7");
  sweep.set_state(state);
  sweep.mutable_counts()->set_total(2);
  sweep.mutable_counts()->set_completed(completed);
  return sweep;
}

grpc::Status WaitForCancel(grpc::ServerContext* context) {
  while (!context->IsCancelled()) usleep(5'000);
  return grpc::Status::CANCELLED;
}

class WatchTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "rsg-watch-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    const auto identity = LoadOrMakeIdentity(folder_);
    ASSERT_TRUE(identity.ok()) << identity.status();
    identity_ = *identity;
    StartServer();
    client_ = std::make_unique<Client>(
        JoinLine{.kind = JoinKind::kOperator, .address = Address(), .ca_pem = identity->ca_pem, .secret = "secret"});
  }
  void TearDown() override {
    client_.reset();
    server_->Shutdown(std::chrono::system_clock::now());
    std::filesystem::remove_all(folder_);
  }

  // On the same port each time.
  void StartServer() {
    grpc::SslServerCredentialsOptions tls;
    tls.pem_key_cert_pairs.push_back({identity_.key_pem, identity_.certificate_pem});
    grpc::ServerBuilder builder;
    builder.AddListeningPort(Address(), grpc::SslServerCredentials(tls), &port_);
    builder.RegisterService(&control_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  std::string Address() const { return "127.0.0.1:" + std::to_string(port_); }

  absl::StatusOr<WatchEnd> Follow(const WatchOptions& options = {}) {
    const Interrupts interrupts;
    return Watch(client_.get(), "", options, interrupts, &display_);
  }

  std::filesystem::path folder_;
  ServerIdentity identity_;
  int port_ = 0;
  FakeControl control_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Client> client_;
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

TEST_F(WatchTest, TheListOfTenThousandAgentsArrives) {
  const auto agents = client_->Call(&v1::Control::Stub::ListAgents, v1::ListAgentsRequest());
  ASSERT_TRUE(agents.ok()) << agents.status();
  EXPECT_EQ(agents->agents_size(), 10'000);
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

TEST_F(WatchTest, SweepNowIsTheFirstState) {
  control_.watches = {[](grpc::ServerContext* context, Writer* writer) {
    writer->Write(Status(v1::SWEEP_STATE_RUNNING, 1));
    return WaitForCancel(context);
  }};
  const auto now = client_->SweepNow("s7");
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(now->counts().completed(), 1u);
}

TEST_F(WatchTest, SubmitIsRepeatedUnderOneRequestId) {
  control_.refusals = 1;
  const auto reply = SubmitSweep(client_.get(), {}, false);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->sweep_id(), "s7");
  ASSERT_THAT(control_.request_ids, SizeIs(2));
  EXPECT_EQ(control_.request_ids[0], control_.request_ids[1]);
  EXPECT_THAT(control_.request_ids[0], SizeIs(32));
  EXPECT_EQ(control_.authorization, "Bearer secret");
}

TEST_F(WatchTest, UnreachableCoordinatorIsNamedWithARemedy) {
  server_->Shutdown(std::chrono::system_clock::now());
  const auto reply = client_->Call(&v1::Control::Stub::ListAgents, v1::ListAgentsRequest());
  EXPECT_TRUE(absl::IsUnavailable(reply.status())) << reply.status();
  EXPECT_THAT(std::string(reply.status().message()), HasSubstr(client_->address()));
  EXPECT_THAT(std::string(reply.status().message()), HasSubstr("rsg serve"));
}

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

TEST_F(WatchTest, SubmitRefusesCsvForWhatIsFollowed) {
  for (const char* how : {"--watch", "--wait"}) {
    CLI::App app;
    int exit_code = -1;
    AddSweepSubmit(app, exit_code);
    testing::internal::CaptureStderr();
    app.parse(std::string("submit --models resnet18 --bs 8 -o csv ") + how);
    EXPECT_EQ(exit_code, 2);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("csv"));
  }
  EXPECT_THAT(control_.request_ids, SizeIs(0));
}

}  // namespace
}  // namespace rsg::cli
