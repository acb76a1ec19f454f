// gRPC's own services: health, and reflection of the schema. Called by their wire, for Debian packages no stubs of
// them.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <chrono>
#include <future>
#include <thread>

#include "common/channel.hpp"
#include "coordinator/server/core.hpp"
#include "full_disk.hpp"
#include "test_agent.hpp"

namespace rsg::server {
namespace {

using testing::HasSubstr;

constexpr auto kPatience = std::chrono::seconds(10);
constexpr char kHealth[] = "/grpc.health.v1.Health/Check";
constexpr char kReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

struct Reply {
  grpc::Status status;
  std::string bytes;
};

// One message there, one back. A unary call is a stream of one message each way on the wire, so this does for both.
Reply Ask(const JoinLine& line, const std::string& method, const std::string& request) {
  grpc::GenericStub stub(MakeChannel(line));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareCall(&context, method, &queue);
  const auto step = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  call->StartCall(nullptr);
  step();
  const grpc::Slice slice(request);
  call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
  step();
  Reply reply;
  grpc::ByteBuffer buffer;
  call->Read(&buffer, nullptr);
  if (step()) {
    std::vector<grpc::Slice> slices;
    (void)buffer.Dump(&slices);
    for (const grpc::Slice& part : slices) reply.bytes.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  call->Finish(&reply.status, nullptr);
  step();
  return reply;
}

class HealthTest : public ServerTest {
 protected:
  JoinLine Line() const { return *ParseJoinLine(server_->join_line(), JoinKind::kAgent); }
};

TEST_F(HealthTest, ServesWhileItCanStore) {
  Start();
  const Reply reply = Ask(Line(), kHealth, "");
  EXPECT_TRUE(reply.status.ok()) << reply.status.error_message();
  EXPECT_EQ(reply.bytes, "\x08\x01") << "field 1, SERVING";
}

TEST_F(HealthTest, DoesNotServeWhileItCannotStore) {
  Start();
  const JoinLine line = Line();
  {
    const FullDisk full;
    TestAgent agent(server_->join_line(), "one", 1);
    EXPECT_EQ(agent.Enrol().error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(Ask(line, kHealth, "").bytes, "\x08\x02") << "field 1, NOT_SERVING";
  }
  std::string bytes;
  for (int i = 0; i < 100 && (bytes = Ask(line, kHealth, "").bytes) != "\x08\x01"; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(bytes, "\x08\x01") << "there is room again";
}

TEST_F(HealthTest, ReflectionNamesTheServicesAndNoSecret) {
  Start();
  const Reply reply = Ask(Line(), kReflection, std::string("\x3a\x01*", 3));  // list_services = "*"
  EXPECT_THAT(reply.bytes, HasSubstr("rsg.v1.Fleet"));
  EXPECT_THAT(reply.bytes, HasSubstr("rsg.v1.Control"));
  EXPECT_THAT(reply.bytes, testing::Not(HasSubstr(Line().secret)));
}

}  // namespace
}  // namespace rsg::server
