#include "common/duration.hpp"

#include <gtest/gtest.h>

namespace rsg {
namespace {

TEST(ParseDuration, TakesTheUnitsPeopleWrite) {
  EXPECT_EQ(*ParseDuration("30"), 30);
  EXPECT_EQ(*ParseDuration("0.5s"), 0.5);
  EXPECT_EQ(*ParseDuration("1.5m"), 90);
  EXPECT_EQ(*ParseDuration("2h"), 7200);
  EXPECT_EQ(*ParseDuration("7d"), 604800);
}

TEST(ParseDuration, RefusesWhatIsNone) {
  for (const char* text : {"", "s", "-1s", "nan", "inf", "1e999", "2 h", "30x", "0x10", "1h30m", "--1"})
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
}

TEST(FormatDuration, ShowsTwoUnitsAtMost) {
  EXPECT_EQ(FormatDuration(0.25), "250 ms");
  EXPECT_EQ(FormatDuration(3.25), "3.2 s");
  EXPECT_EQ(FormatDuration(59.6), "1 min");
  EXPECT_EQ(FormatDuration(200), "3 min 20 s");
  EXPECT_EQ(FormatDuration(7500), "2 h 5 min");
  EXPECT_EQ(FormatDuration(86400 * 3 + 4 * 3600 + 59), "3 d 4 h");
  EXPECT_EQ(FormatDuration(-1), "0 ms");
}

}  // namespace
}  // namespace rsg
