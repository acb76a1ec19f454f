// Agents that lie, flood, stall and talk nonsense, over real gRPC and TLS; beside them one that does its work.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "common/channel.hpp"
#include "common/secret.hpp"
#include "common/tls.hpp"
#include "test_agent.hpp"

namespace rsg::server {
namespace {

using testing::HasSubstr;

// For the coordinator and all of its attackers, who live in one process here. AddressSanitizer keeps what was freed.
#ifdef RSG_SANITIZED
constexpr double kMostGrowthMiB = 160 + 256;
#else
constexpr double kMostGrowthMiB = 160;
#endif

double ResidentMiB() {
  std::ifstream status("/proc/self/statm");
  double pages = 0;
  status >> pages >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

// The same measurement in a five-hundredth of the time: so it can have happened.
v1::AgentMessage Quick(v1::AgentMessage message) {
  constexpr double kFaster = 500;
  for (v1::Window& window : *message.mutable_window_batch()->mutable_windows()) {
    window.set_seconds(window.seconds() / kFaster);
    window.set_wall_seconds(window.wall_seconds() / kFaster);
    window.set_start_seconds(window.start_seconds() / kFaster);
  }
  return message;
}

v1::AgentMessage QuickEnd(v1::AgentMessage message) {
  v1::Result& result = *message.mutable_attempt_finished()->mutable_result();
  result.set_throughput(result.throughput() * 500);
  result.set_seconds(result.seconds() / 500);
  result.set_wall_seconds(result.wall_seconds() / 500);
  return message;
}

class Malice : public ServerTest {
 protected:
  void SetUp() override {
    Start();
    before_ = ResidentMiB();
    good_ = std::make_unique<TestAgent>(server_->join_line(), "good", 1);
    evil_ = std::make_unique<TestAgent>(server_->join_line(), "evil", 2);
    ASSERT_TRUE(good_->Enrol().ok());
    ASSERT_TRUE(evil_->Enrol().ok());
  }
  void TearDown() override { EXPECT_LT(ResidentMiB() - before_, kMostGrowthMiB); }

  /// Whether `what` comes true; far more time than it takes.
  static bool Until(const std::function<bool()>& what) {
    const auto last = std::chrono::steady_clock::now() + std::chrono::seconds(8);
    while (!what()) {
      if (std::chrono::steady_clock::now() > last) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }
  std::uint64_t Rejected(const std::string& reason) { return server_->Rejected()[reason]; }

  /// The one that works, whatever the other does: true when its next job ends well.
  bool GoodWorks() {
    const v1::Assign assign = good_->NextAssign();
    if (assign.attempt_id().empty()) return false;
    good_->Say(MakeStarted(assign));
    good_->Say(Quick(MakeWindows(assign, 1, 3)));
    good_->Say(QuickEnd(MakeFinished(assign, 3)));
    const auto ack = good_->Next([](const auto& m) { return m.has_finished_ack(); });
    return ack && ack->finished_ack().accepted();
  }

  /// Bytes as they are on the agents' stream.
  grpc::Status SendRaw(const std::string& bytes) {
    const auto line = *ParseJoinLine(server_->join_line(), JoinKind::kAgent);
    grpc::GenericStub stub(MakeChannel(line));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    Authorize(&context, evil_->secret);
    grpc::CompletionQueue queue;
    const auto stream = stub.PrepareCall(&context, "/rsg.v1.Fleet/Attach", &queue);
    void* tag = nullptr;
    bool ok = false;
    const auto wait = [&] { return queue.Next(&tag, &ok) && ok; };
    stream->StartCall(nullptr);
    wait();
    const grpc::Slice slice(bytes);
    stream->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    wait();
    grpc::ByteBuffer answer;
    do stream->Read(&answer, nullptr);
    while (wait());
    grpc::Status status;
    stream->Finish(&status, nullptr);
    wait();
    return status;
  }

  int Connect() const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(server_->port()));
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const timeval patience{.tv_sec = 8, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
  }

  std::unique_ptr<TestAgent> good_;
  std::unique_ptr<TestAgent> evil_;
  double before_ = 0;
};

TEST_F(Malice, LyingResultIsMarkedAndOnlyTheLiars) {
  Submit(1);
  good_->Attach();
  EXPECT_TRUE(GoodWorks());
  good_->Leave();
  Submit(1);
  evil_->Attach();
  const v1::Assign assign = evil_->NextAssign();
  evil_->Say(MakeStarted(assign));
  evil_->Say(Quick(MakeWindows(assign, 1, 3)));
  v1::AgentMessage end = MakeFinished(assign, 3);
  v1::Result& result = *end.mutable_attempt_finished()->mutable_result();
  result.set_throughput(1e6 * result.throughput());
  result.set_seconds(result.seconds() / 1e6);
  result.add_taints("none, of course");
  evil_->Say(end);
  EXPECT_TRUE(evil_->Next([](const auto& m) { return m.has_finished_ack(); })->finished_ack().accepted()) << "kept";
  std::vector<v1::ResultRow> rows;
  ASSERT_TRUE(Stream(&v1::Control::Stub::QueryResults, v1::QueryResultsRequest(), &rows).ok());
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].job().agent_name(), "good");
  EXPECT_EQ(rows[0].result().taints_size(), 0) << rows[0].result().taints(0);
  EXPECT_EQ(rows[1].job().agent_name(), "evil");
  ASSERT_EQ(rows[1].job().taints_size(), 1);
  EXPECT_THAT(rows[1].job().taints(0), HasSubstr("its windows give"));
  v1::QueryResultsRequest best;
  best.set_best(true);
  rows.clear();
  ASSERT_TRUE(Stream(&v1::Control::Stub::QueryResults, best, &rows).ok());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].job().agent_name(), "good");
}

TEST_F(Malice, AttemptsOfOthersStayTheirs) {
  Submit(2);
  good_->Attach();
  evil_->Attach();
  const v1::Assign theirs = good_->NextAssign();
  // Even with the right token, which it cannot know.
  evil_->Say(MakeStarted(theirs));
  evil_->Say(MakeWindows(theirs, 1, 60));
  evil_->Say(MakeFinished(theirs, 60));
  const auto answer = evil_->Next([](const auto& m) { return m.has_finished_ack(); });
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->finished_ack().accepted());
  EXPECT_GE(Rejected("stale"), 2u);
  good_->Say(MakeWindows(theirs, 1, 1));
  EXPECT_EQ(good_->NextAck(), 1u) << "nothing was written";
}

TEST_F(Malice, NonsenseEndsItsOwnStreamOnly) {
  Submit(8);
  good_->Attach();
  EXPECT_TRUE(GoodWorks());
  EXPECT_EQ(SendRaw("\xff\xff\xff\xff no message").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Rejected("malformed"), 1u);
  EXPECT_EQ(SendRaw("").error_code(), grpc::StatusCode::INVALID_ARGUMENT) << "a message without content";
  // A heartbeat before Hello.
  EXPECT_EQ(SendRaw(std::string("\x12\x00", 2)).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(SendRaw(std::string(2 << 20, 'x')).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  v1::AgentMessage hello = MakeHello("evil", 2);
  for (int i = 0; i < 33; ++i)
    *hello.mutable_hello()->mutable_machine()->add_devices() = hello.hello().machine().devices(0);
  EXPECT_EQ(SendRaw(hello.SerializeAsString()).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Rejected("order"), 2u);
  EXPECT_EQ(Rejected("hello"), 1u);
  EXPECT_TRUE(GoodWorks());
}

TEST_F(Malice, FloodOfEnrolmentsIsCutAndEndsByItself) {
  Submit(8);
  good_->Attach();
  TestAgent guesser(server_->join_line(), "guesser", 3);
  auto line = *ParseJoinLine(server_->join_line(), JoinKind::kAgent);
  line.secret = std::string(32, '0');
  guesser.Dial(EncodeJoinLine(line));
  int refused = 0;
  int cut = 0;
  for (int i = 0; i < 200; ++i) {
    guesser.secret = RandomHex(32);
    const grpc::Status status = guesser.Enrol();
    refused += status.error_code() == grpc::StatusCode::PERMISSION_DENIED;
    cut += status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
  }
  EXPECT_GE(refused, 100);
  EXPECT_GT(cut, 50);
  EXPECT_EQ(Rejected("enrolment"), static_cast<std::uint64_t>(refused));
  EXPECT_EQ(Rejected("enrolments"), static_cast<std::uint64_t>(cut));
  EXPECT_TRUE(GoodWorks());
  TestAgent late(server_->join_line(), "late", 4);
  EXPECT_TRUE(Until([&] { return late.Enrol().ok(); })) << "as the agent does, it tries again";
}

TEST_F(Malice, EndlessWindowsEndTheAttempt) {
  Submit(1);
  evil_->Attach();
  const v1::Assign assign = evil_->NextAssign();
  std::string reason;
  std::thread reader([&] {
    const auto cancel = evil_->Next([](const auto& m) { return m.has_cancel(); });
    if (cancel) reason = cancel->cancel().reason();
  });
  evil_->Say(MakeStarted(assign));
  std::uint32_t next = 1;
  for (; Rejected("window") == 0 && next < 200'000; next += 64) evil_->Say(Quick(MakeWindows(assign, next, next + 63)));
  reader.join();
  EXPECT_THAT(reason, HasSubstr("this attempt has at most"));
  Submit(2);
  good_->Attach();
  EXPECT_TRUE(GoodWorks());
}

TEST_F(Malice, FloodIsReadMoreSlowly) {
  Submit(8);
  good_->Attach();
  evil_->Attach();
  ASSERT_TRUE(evil_->Next([](const auto& m) { return m.has_welcome(); }));
  v1::AgentMessage message;
  message.mutable_heartbeat();
  std::atomic<bool> stop{false};
  std::thread flood([&] {
    while (!stop && evil_->Say(message)) {
    }
  });
  EXPECT_TRUE(Until([&] { return Rejected("slowed") > 0; }));
  EXPECT_TRUE(GoodWorks());
  EXPECT_TRUE(GoodWorks());
  stop = true;
  flood.join();
  evil_->Break();
}

TEST_F(Malice, WhoDoesNotReadIsCutOff) {
  const auto line = *ParseJoinLine(server_->join_line(), JoinKind::kAgent);
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = line.ca_pem;
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(kServerName);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // else the window grows, and much can be on its way
  const auto stub = v1::Fleet::NewStub(grpc::CreateCustomChannel(line.address, grpc::SslCredentials(tls), arguments));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  Authorize(&context, evil_->secret);
  const auto stream = stub->Attach(&context);
  stream->Write(MakeHello("evil", 2));
  v1::Assign stale;
  stale.set_attempt_id(std::string(64, 'x'));
  stale.set_lease_token(std::string(32, 'f'));
  for (int said = 0; said < 9000 && stream->Write(MakeStarted(stale));) ++said;
  EXPECT_TRUE(Until([&] { return Rejected("unread") == 1; })) << "it did not read one answer";
  v1::CoordinatorMessage message;
  while (stream->Read(&message)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  Submit(2);
  good_->Attach();
  EXPECT_TRUE(GoodWorks());
}

// Who has to be quick: the others need not.
class MuteMalice : public Malice {
 protected:
  ServerOptions Options() const override {
    ServerOptions options = ServerTest::Options();
    options.handshake_seconds = 1;
    options.settings.hello_seconds = 0.5;
    return options;
  }
};

TEST_F(MuteMalice, IsCutOff) {
  Submit(2);
  std::vector<int> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(Connect());
  // The start of a TLS record that never ends.
  for (std::size_t i = 0; i < silent.size(); i += 2)
    EXPECT_EQ(send(silent[i], "\x16\x03\x01\x02\x00\x01", 6, MSG_NOSIGNAL), 6);
  grpc::ClientContext context;
  Authorize(&context, evil_->secret);
  const auto stub = v1::Fleet::NewStub(MakeChannel(*ParseJoinLine(server_->join_line(), JoinKind::kAgent)));
  const auto stream = stub->Attach(&context);
  good_->Attach();
  EXPECT_TRUE(GoodWorks());
  v1::CoordinatorMessage message;
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << "no Hello";
  EXPECT_EQ(Rejected("mute"), 1u);
  for (const int fd : silent) {
    char byte = 0;
    const ssize_t got = recv(fd, &byte, 1, 0);
    EXPECT_TRUE(got == 0 || (got < 0 && errno == ECONNRESET)) << "closed, not kept: " << got << " " << errno;
    close(fd);
  }
  EXPECT_TRUE(GoodWorks());
}

TEST_F(Malice, WhoStealsTheDatabaseHasNoSecret) {
  good_->Attach();
  ASSERT_TRUE(good_->Next([](const auto& m) { return m.has_welcome(); }));
  std::string stored;
  for (const char* file : {"rsg.db", "rsg.db-wal"}) {
    std::ifstream bytes(folder_.path() / "state" / file, std::ios::binary);
    stored.append(std::istreambuf_iterator<char>(bytes), {});
  }
  const std::string token = ParseJoinLine(server_->join_line(), JoinKind::kAgent)->secret;
  EXPECT_THAT(stored, HasSubstr(Sha256Hex(good_->secret)));
  EXPECT_THAT(stored, HasSubstr(Sha256Hex(token)));
  for (const std::string& secret : {good_->secret, token, operator_.secret})
    EXPECT_EQ(stored.find(secret), std::string::npos);
}

TEST_F(Malice, RevokedAgentIsShutOut) {
  Submit(1);
  evil_->Attach();
  const v1::Assign assign = evil_->NextAssign();
  evil_->Say(Quick(MakeWindows(assign, 1, 2)));
  EXPECT_EQ(evil_->NextAck(), 2u);
  v1::RevokeAgentRequest request;
  request.set_agent("evil");
  v1::RevokeAgentResponse response;
  ASSERT_TRUE(Call(&v1::Control::Stub::RevokeAgent, request, &response).ok());
  EXPECT_EQ(response.token_ids_size(), 1) << "with which it could join anew";
  const grpc::Status closed = evil_->End();
  EXPECT_EQ(closed.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(closed.error_message(), HasSubstr("revoked"));
  evil_->Attach();
  EXPECT_EQ(evil_->End().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(evil_->Enrol().error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

}  // namespace
}  // namespace rsg::server
