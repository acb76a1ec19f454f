#include "common/percent.hpp"

#include <gtest/gtest.h>

namespace rsg {
namespace {

TEST(Percent, ANumberIsAPercentageWithOrWithoutItsSign) {
  for (const char* text : {"0.5", "0.5%", "0.5 %", "5e-1"}) EXPECT_DOUBLE_EQ(*ParsePercent(text), 0.005) << text;
  EXPECT_DOUBLE_EQ(*ParsePercent("100%"), 1);
}

TEST(Percent, OtherTextIsNamed) {
  for (const char* text : {"", "%", "half", "nan", "inf", "-1", "0x1", "1%%", "1,5"}) {
    const auto share = ParsePercent(text);
    ASSERT_FALSE(share.ok()) << text;
    EXPECT_NE(share.status().message().find("no percentage"), absl::string_view::npos);
  }
}

}  // namespace
}  // namespace rsg
