// What a trainer writes: lines, their bounds, what they may say.
#include "agent/job/trainer_line.hpp"

#include <gmock/gmock.h>

#include "agent/job/line_reader.hpp"
#include "agent/job/log_tail.hpp"

namespace rsg::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(LineReader, JoinsPiecesAndStopsAtTheBound) {
  std::vector<std::string> lines;
  const auto take = [&](std::string_view line) { lines.emplace_back(line); };
  LineReader reader(5);
  EXPECT_TRUE(reader.Feed("on", take));
  EXPECT_TRUE(reader.in_line());
  EXPECT_TRUE(reader.Feed("e\n\ntwo\nfiv", take));
  EXPECT_TRUE(reader.Feed("es\n", take));
  EXPECT_FALSE(reader.in_line());
  EXPECT_FALSE(reader.Feed("sixsix\nmore\n", take));
  EXPECT_FALSE(reader.Feed("more\n", take));
  EXPECT_THAT(lines, ElementsAre("one", "", "two", "fives"));
}

TEST(LogTail, KeepsTheEnd) {
  LogTail tail(8);
  tail.Append("abc");
  EXPECT_EQ(tail.Text(), "abc");
  tail.Append("defgh");
  EXPECT_EQ(tail.Text(), "abcdefgh");
  tail.Append("ij");
  EXPECT_EQ(tail.Text(), "cdefghij");
  tail.Append("a long text that is longer than all");
  EXPECT_EQ(tail.Text(), "than all");
}

TEST(TrainerLine, AcceptsTheGoodAndShowsTheBad) {
  EXPECT_TRUE(
      ParseTrainerLine(R"({"window":{"sequence":1,"steps":1,"samples":2,"seconds":0.5,"wall_seconds":0.5}})", 2).ok());
  const std::pair<const char*, const char*> cases[] = {
      {R"({"window":{"sequence":1,"steps":1,"samples":3,"seconds":0.5,"wall_seconds":0.5}})", "samples"},
      {R"({"window":{"sequence":1,"steps":1,"samples":2,"seconds":null,"wall_seconds":0.5}})", "seconds"},
      {R"({"window":{"sequence":0,"steps":1,"samples":2,"seconds":0.5,"wall_seconds":0.5}})", "sequence"},
      {R"({"finished":{"outcome":99}})", "outcome"},
      {R"({"finished":{"outcome":"OUTCOME_COMPLETED"}})", "result"},
      {R"({})", "event"},
      {"", "line"},
      {"42", "line"},
  };
  for (const auto& [line, word] : cases) {
    const auto event = ParseTrainerLine(line, 2);
    EXPECT_FALSE(event.ok()) << line;
    EXPECT_THAT(std::string(event.status().message()), HasSubstr(word)) << line;
  }
  EXPECT_THAT(std::string(ParseTrainerLine(std::string(5000, 'x'), 2).status().message()),
              Not(HasSubstr(std::string(200, 'x'))));
}

}  // namespace
}  // namespace rsg::agent
