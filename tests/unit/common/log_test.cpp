// Lines of the log, for people and as JSON.
#include "common/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>

namespace rsg {
namespace {

using std::literals::operator""sv;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

std::vector<std::string> Values(const LogFields& fields) {
  return {fields.sweep_id, fields.job_id, fields.attempt_id, fields.agent_id};
}

TEST(LogFields, AnIdSaysWhatItIsPartOf) {
  EXPECT_THAT(Values(FieldsOf("s3")), testing::ElementsAre("s3", "", "", ""));
  EXPECT_THAT(Values(FieldsOf("s3.14")), testing::ElementsAre("s3", "s3.14", "", ""));
  EXPECT_THAT(Values(FieldsOf("s3.14.2")), testing::ElementsAre("s3", "s3.14", "s3.14.2", ""));
}

TEST(LogFields, NothingElsePassesForAnId) {
  for (const std::string_view text :
       {""sv, "s"sv, "s3."sv, "s.1"sv, "3.14"sv, "s3.14.2.1"sv, "s3.14.2 "sv, "s3\n"sv, "s3.x"sv, "s3.\xff"sv, "s3\0"sv,
        "0123456789abcdef0123456789abcdef"sv, "rsg-join-1.c2VjcmV0"sv,
        "s1.11111111111111111111111111111111111111111111111111111111111111"sv})
    EXPECT_THAT(Values(FieldsOf(text)), testing::Each("")) << text;
}

class LogTest : public testing::Test {
 protected:
  void SetUp() override { before_ = spdlog::default_logger(); }
  void TearDown() override { spdlog::set_default_logger(before_); }

  void Use(LogFormat format) {
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out_));
    logger->set_formatter(MakeLogFormatter(format));
    spdlog::set_default_logger(std::move(logger));
  }
  std::string Text(std::string_view words, const LogFields& fields = {}) {
    Use(LogFormat::kText);
    LogLine(LogLevel::kInfo, words, fields);
    return Taken();
  }
  nlohmann::json Json(std::string_view words, const LogFields& fields = {}) {
    Use(LogFormat::kJson);
    LogLine(LogLevel::kInfo, words, fields);
    const std::string line = Taken();
    EXPECT_THAT(line, EndsWith("}\n"));
    for (const char letter : line.substr(0, line.size() - 1)) EXPECT_TRUE(letter >= ' ' && letter <= '~') << line;
    return nlohmann::json::parse(line);
  }
  std::string Taken() {
    std::string text = out_.str();
    out_.str("");
    return text;
  }

 private:
  std::ostringstream out_;
  std::shared_ptr<spdlog::logger> before_;
};

TEST_F(LogTest, TextIsAsItWas) {
  EXPECT_THAT(Text("drained"), MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z info  drained\n"));
}

TEST_F(LogTest, TextEndsWithTheIdsThatItsWordsDoNotName) {
  const LogFields attempt = FieldsOf("s3.14.2");
  EXPECT_THAT(Text("lost attempt s3.14.2: restarted", attempt), EndsWith(" lost attempt s3.14.2: restarted\n"));
  EXPECT_THAT(Text("mynet: fetched, 1.0 MB", attempt), EndsWith(" mynet: fetched, 1.0 MB attempt_id=s3.14.2\n"));
  EXPECT_THAT(Text("s3.14.21: fetched", attempt), EndsWith(" s3.14.21: fetched attempt_id=s3.14.2\n"));
  EXPECT_THAT(Text("xs3: queued", FieldsOf("s3")), EndsWith(" xs3: queued sweep_id=s3\n"));
  EXPECT_THAT(Text("s3.14 is stuck", FieldsOf("s3.14")), EndsWith(" s3.14 is stuck\n"));
  EXPECT_THAT(Text("attempt s3.14.2 ended", {.attempt_id = "s3.14.2", .agent_id = "a-1"}),
              EndsWith(" attempt s3.14.2 ended agent_id=a-1\n"));
  EXPECT_THAT(Text("attached", {.agent_id = "a 1\"\x1b\n\xff"}), EndsWith(R"( attached agent_id="a 1\"\u001b\n\ufffd")"
                                                                          "\n"));
}

TEST_F(LogTest, JsonHasTimeLevelMessageAndTheIdsThatAreKnown) {
  const auto line = Json("lost attempt s3.14.2", FieldsOf("s3.14.2"));
  EXPECT_EQ(line.size(), 6u) << line;
  EXPECT_THAT(line["time"].get<std::string>(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"));
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["message"], "lost attempt s3.14.2");
  EXPECT_EQ(line["sweep_id"], "s3");
  EXPECT_EQ(line["job_id"], "s3.14");
  EXPECT_EQ(line["attempt_id"], "s3.14.2");
  EXPECT_EQ(Json("attached", {.agent_id = "a-1"})["agent_id"], "a-1");
}

TEST_F(LogTest, JsonTimeIsUtcWithAllItsZeros) {
  const auto format = MakeLogFormatter(LogFormat::kJson);
  spdlog::memory_buf_t out;
  format->format({std::chrono::system_clock::time_point(std::chrono::milliseconds(1'769'860'800'007)),
                  {},
                  "",
                  spdlog::level::err,
                  "words"},
                 out);
  EXPECT_EQ(fmt::to_string(out), R"({"time":"2026-01-31T12:00:00.007Z","level":"error","message":"words"})"
                                 "\n");
}

TEST_F(LogTest, JsonTakesAnyBytes) {
  EXPECT_EQ(Json("a \"b\" \\ \n\r\t\x1b[2J\x7f")["message"], "a \"b\" \\ \n\r\t\x1b[2J\x7f");
  EXPECT_EQ(Json(std::string_view("nul \0 inside", 12))["message"], std::string("nul \0 inside", 12));
  EXPECT_EQ(Json("ä € 😀 \xe2\x80\xa8 \xc2\x85")["message"], "ä € 😀 \xe2\x80\xa8 \xc2\x85");
  EXPECT_EQ(Json("bad \xff\xfe, cut \xe2\x82")["message"], "bad \xef\xbf\xbd\xef\xbf\xbd, cut \xef\xbf\xbd");
  EXPECT_EQ(Json("", {.agent_id = "\xc3("})["agent_id"], "\xef\xbf\xbd(");
  EXPECT_EQ(Json("{} {0} %v %*")["message"], "{} {0} %v %*");
}

TEST_F(LogTest, LinesWithoutFieldsComeInTheSameFormat) {
  Use(LogFormat::kJson);
  LogLine(LogLevel::kWarning, "of an attempt", FieldsOf("s1.1.1"));
  Taken();
  spdlog::error("number {}", 3);
  const auto line = nlohmann::json::parse(Taken());
  EXPECT_EQ(line.size(), 3u) << "nothing stays of the line before: " << line;
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["message"], "number 3");
}

TEST_F(LogTest, WordsThatAreNoneAreRefusedAndChangeNothing) {
  Use(LogFormat::kText);
  const auto logger = spdlog::default_logger();
  EXPECT_THAT(std::string(SetUpLog("loud", "text").message()), HasSubstr("log-level: 'loud'"));
  EXPECT_THAT(std::string(SetUpLog("info", "xml").message()),
              HasSubstr("log-format: 'xml' is unknown; use text or json"));
  EXPECT_EQ(spdlog::default_logger(), logger);
  EXPECT_TRUE(SetUpLog("off", "json").ok());
  EXPECT_NE(spdlog::default_logger(), logger);
}

}  // namespace
}  // namespace rsg
