// Agents that flood, stall and do not read; beside them one that does its work.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "common/channel.hpp"
#include "common/secret.hpp"
#include "common/tls.hpp"
#include "malice.hpp"

namespace rsg::server {
namespace {

using testing::HasSubstr;

// Whether `what` comes true; far more time than it takes.
bool Until(const std::function<bool()>& what) {
  const auto last = std::chrono::steady_clock::now() + std::chrono::seconds(8);
  while (!what()) {
    if (std::chrono::steady_clock::now() > last) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
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

}  // namespace
}  // namespace rsg::server
