#include "malice.hpp"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "common/channel.hpp"

namespace rsg::server {
namespace {

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

v1::AgentMessage QuickEnd(v1::AgentMessage message) {
  v1::Result& result = *message.mutable_attempt_finished()->mutable_result();
  result.set_throughput(result.throughput() * 500);
  result.set_seconds(result.seconds() / 500);
  result.set_wall_seconds(result.wall_seconds() / 500);
  return message;
}

}  // namespace

v1::AgentMessage Quick(v1::AgentMessage message) {
  constexpr double kFaster = 500;
  for (v1::Window& window : *message.mutable_window_batch()->mutable_windows()) {
    window.set_seconds(window.seconds() / kFaster);
    window.set_wall_seconds(window.wall_seconds() / kFaster);
    window.set_start_seconds(window.start_seconds() / kFaster);
  }
  return message;
}

void Malice::SetUp() {
  Start();
  before_ = ResidentMiB();
  good_ = std::make_unique<TestAgent>(server_->join_line(), "good", 1);
  evil_ = std::make_unique<TestAgent>(server_->join_line(), "evil", 2);
  ASSERT_TRUE(good_->Enrol().ok());
  ASSERT_TRUE(evil_->Enrol().ok());
}

void Malice::TearDown() { EXPECT_LT(ResidentMiB() - before_, kMostGrowthMiB); }

bool Malice::GoodWorks() {
  const v1::Assign assign = good_->NextAssign();
  if (assign.attempt_id().empty()) return false;
  good_->Say(MakeStarted(assign));
  good_->Say(Quick(MakeWindows(assign, 1, 3)));
  good_->Say(QuickEnd(MakeFinished(assign, 3)));
  const auto ack = good_->Next([](const auto& m) { return m.has_finished_ack(); });
  return ack && ack->finished_ack().accepted();
}

grpc::Status Malice::SendRaw(const std::string& bytes) {
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

}  // namespace rsg::server
