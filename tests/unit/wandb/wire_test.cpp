// The bodies that W&B gets, as its own client writes them, and its answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "coordinator/wandb/wire.hpp"

namespace rsg::wandb {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

Line LineWith(Fields fields, std::uint32_t step = 0) {
  return {.fields = std::move(fields), .step = step, .timestamp = 1700000000.5, .runtime = 2.75};
}

TEST(Wire, FloatsHaveADecimalPointAndIntegersNone) {
  EXPECT_EQ(
      LineJson(LineWith({{"throughput", 100.0}, {"bs", std::int64_t{8}}, {"fp16", false}, {"n_batches", nullptr}})),
      R"({"throughput":100.0,"bs":8,"fp16":false,"n_batches":null,"_step":0,"_timestamp":1700000000.5,)"
      R"("_runtime":2.75})");
  EXPECT_EQ(LineJson(LineWith({{"x", -0.0}, {"y", 1e22}})).substr(0, 18), R"({"x":-0.0,"y":1e+2)");
}

TEST(Wire, WhatIsNotFiniteIsLeftOut) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(LineJson(LineWith({{"a", std::nan("")}, {"b", infinity}, {"c", -infinity}, {"d", 1.5}})),
            R"({"d":1.5,"_step":0,"_timestamp":1700000000.5,"_runtime":2.75})");
}

TEST(Wire, TextThatIsNoUtf8IsMended) {
  EXPECT_TRUE(json::accept(LineJson(LineWith({{"name", std::string("a\xff\"\n")}}))));
}

TEST(Wire, ChunkIsWhatTheFileStreamTakes) {
  Chunk chunk;
  chunk.lines = {LineWith({{"a", std::int64_t{1}}}, 7), LineWith({{"a", std::int64_t{2}}}, 8)};
  chunk.summary = LineWith({{"a", std::int64_t{2}}}, 8);
  chunk.exit_code = 0;
  const HttpRequest request = StreamRequest("my team", "p", "s3-1-ff", chunk);
  EXPECT_EQ(request.address, "/files/my%20team/p/s3-1-ff/file_stream");
  EXPECT_EQ(request.body,
            R"({"files":{"wandb-history.jsonl":{"offset":7,"content":[)"
            R"("{\"a\":1,\"_step\":7,\"_timestamp\":1700000000.5,\"_runtime\":2.75}",)"
            R"("{\"a\":2,\"_step\":8,\"_timestamp\":1700000000.5,\"_runtime\":2.75}"]},)"
            R"("wandb-summary.json":{"offset":0,"content":[)"
            R"("{\"a\":2,\"_step\":8,\"_timestamp\":1700000000.5,\"_runtime\":2,\"_wandb\":{\"runtime\":2}}"]}},)"
            R"("complete":true,"exitcode":0})");
  EXPECT_EQ(HeartbeatRequest("e", "p", "r").body, "{}");
}

TEST(Wire, UpsertHasAllVariablesAndNoOthers) {
  const RunHeader header{.run_id = "s3-1-ff",
                         .entity = "",
                         .project = "ready-steady-go",
                         .group = "s3-012345",
                         .job_type = "resnet50",
                         .display_name = "RTX 3090",
                         .host = "gpu-1",
                         .tags = {"rsg"},
                         .config = {{"bs", std::int64_t{8}}, {"n_seconds", nullptr}, {"x", 2.0}}};
  const json body = json::parse(UpsertRequest(header).body);
  EXPECT_EQ(body["operationName"], "UpsertBucket");
  const json expected = json::parse(R"({"id":null,"name":"s3-1-ff","project":"ready-steady-go","entity":null,
    "groupName":"s3-012345","description":null,"displayName":"RTX 3090","notes":null,"commit":null,
    "config":"{\"bs\":{\"value\":8},\"n_seconds\":{\"value\":null},\"x\":{\"value\":2.0}}","host":"gpu-1","debug":null,
    "program":null,"repo":null,"jobType":"resnet50","state":null,"sweep":null,"tags":["rsg"],"summaryMetrics":null})");
  EXPECT_EQ(body["variables"], expected);
  for (const auto& [name, value] : expected.items())
    EXPECT_THAT(body["query"].get<std::string>(), HasSubstr("$" + name + ":"));
}

TEST(Wire, UpsertsAnswerSaysWhereTheRunStands) {
  const auto answer = ParseUpsert(
      R"({"data":{"upsertBucket":{"bucket":{"id":"UnVu","name":"x","project":{"name":"p","entity":{"name":"me"}}}}}})");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->storage_id, "UnVu");
  EXPECT_EQ(answer->entity, "me");
  EXPECT_EQ(answer->project, "p");
  for (const char* wrong : {"", "[]", "{}", R"({"data":null})", R"({"data":{"upsertBucket":{"bucket":{"id":7}}}})"})
    EXPECT_FALSE(ParseUpsert(wrong).ok()) << wrong;
}

TEST(Wire, ReadingBackFindsWhatIsMissing) {
  const Line expected = LineWith({{"bs", std::int64_t{8}}, {"throughput", 100.0}});
  const auto read = ParseRead(
      R"({"data":{"project":{"run":{"id":"UnVu","state":"finished","summaryMetrics":"{\"bs\":8,\"mine\":true}"}}}})",
      expected);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->found);
  EXPECT_TRUE(read->ended);
  EXPECT_THAT(read->missing, ElementsAre("throughput", "_step", "_timestamp", "_runtime", "_wandb"));
  const json repaired = json::parse(read->repaired);
  EXPECT_EQ(repaired["mine"], true) << "what others have put there stays";
  EXPECT_TRUE(repaired["throughput"].is_number_float());
  const auto gone = ParseRead(R"({"data":{"project":null}})", expected);
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_FALSE(gone->found);
  EXPECT_FALSE(ParseRead("<html>", expected).ok());
}

TEST(Wire, FilesGoWhereTheAnswerSays) {
  const auto puts = ParseCreateFiles(R"({"data":{"createRunFiles":{"runID":"x","uploadHeaders":["X-A:1"],
    "files":[{"name":"cpu-info.txt","uploadUrl":"http://storage/a?b=c"}]}}})",
                                     {{"cpu-info.txt", "text"}});
  ASSERT_TRUE(puts.ok()) << puts.status();
  ASSERT_EQ(puts->size(), 1U);
  EXPECT_EQ(puts->front().address, "http://storage/a?b=c");
  EXPECT_EQ(puts->front().body, "text");
  EXPECT_THAT(puts->front().headers, ElementsAre("X-A:1"));
  EXPECT_FALSE(ParseCreateFiles(R"({"data":{"createRunFiles":{"files":[]}}})", {{"a", "b"}}).ok());
}

TEST(Wire, NamesThatAreGivenAreShortAndOneLine) {
  const auto answer = [](const std::string& name) {
    const json bucket{{"id", "UnVu"}, {"project", {{"name", name}, {"entity", {{"name", "me"}}}}}};
    return ParseUpsert(json{{"data", {{"upsertBucket", {{"bucket", bucket}}}}}}.dump());
  };
  EXPECT_TRUE(answer(std::string(1024, 'p')).ok());
  for (const std::string& wrong :
       {std::string(1025, 'p'), std::string("p\nq"), std::string("p\x1b[31m"), std::string()})
    EXPECT_FALSE(answer(wrong).ok()) << wrong.size();
}

TEST(Wire, WhatIsNestedTooDeepIsNotFollowed) {
  constexpr std::size_t kDeep = 1'000'000;
  const std::string brackets(kDeep, '[');
  EXPECT_FALSE(ParseUpsert(R"({"data":{"upsertBucket":{"bucket":)" + brackets + std::string(kDeep, ']') + "}}}").ok());
  EXPECT_FALSE(ParseUpsert(brackets).ok());
  const std::string summary = R"({"bs":)" + brackets + std::string(kDeep, ']') + "}";
  const auto read =
      ParseRead(json{{"data", {{"project", {{"run", {{"state", "finished"}, {"summaryMetrics", summary}}}}}}}}.dump(),
                LineWith({{"bs", std::int64_t{8}}}));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(json::parse(read->repaired)["bs"], 8);
  // As deep as people nest, brackets in texts, and escaped quotes are no matter.
  const std::string texts = json{{"mine", {{"a", std::string(500, '{') + "\"" + std::string(500, '[')}}}}.dump();
  const auto plain =
      ParseRead(json{{"data", {{"project", {{"run", {{"state", "finished"}, {"summaryMetrics", texts}}}}}}}}.dump(),
                LineWith({}));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_TRUE(json::parse(plain->repaired).contains("mine"));
}

TEST(Wire, StateIsShownAsPrintableText) {
  const auto read = ParseRead(R"({"data":{"project":{"run":{"state":"gone\u001b[31m\u009b)" + std::string(500, 'x') +
                                  R"(","summaryMetrics":null}}}})",
                              LineWith({}));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_LE(read->state.size(), 64U);
  for (const char c : read->state) EXPECT_TRUE(c >= 0x20 && c < 0x7F) << read->state;
}

TEST(Wire, AFileIsPutOnceHoweverOftenItIsNamed) {
  const auto puts = ParseCreateFiles(R"({"data":{"createRunFiles":{"files":[
      {"name":"other","uploadUrl":"http://storage/o"}, {"name":"a","uploadUrl":"http://storage/1"},
      {"name":"a","uploadUrl":"http://storage/2"}]}}})",
                                     {{"a", "text"}});
  ASSERT_TRUE(puts.ok()) << puts.status();
  ASSERT_EQ(puts->size(), 1U);
  EXPECT_EQ(puts->front().address, "http://storage/1");
}

TEST(Wire, FilesGoOverHttpWithWholeHeadersOnly) {
  const auto answer = [](const json& headers, const std::string& address) {
    return ParseCreateFiles(
        json{{"data",
              {{"createRunFiles",
                {{"uploadHeaders", headers}, {"files", json::array({{{"name", "a"}, {"uploadUrl", address}}})}}}}}}
            .dump(),
        {{"a", "text"}});
  };
  EXPECT_TRUE(answer(nullptr, "https://storage/a?b=c").ok());
  for (const char* address : {"", "storage/a", "file:///etc/passwd", "http://storage/a b", "http://storage/a\r\nX: 1"})
    EXPECT_FALSE(answer(nullptr, address).ok()) << address;
  EXPECT_FALSE(answer(json::array({"X-A:1\r\nHost:elsewhere"}), "http://storage/a").ok());
  EXPECT_FALSE(answer(std::vector<std::string>(65, "X-A:1"), "http://storage/a").ok());
}

}  // namespace
}  // namespace rsg::wandb
