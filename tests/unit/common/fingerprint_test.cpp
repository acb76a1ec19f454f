#include "common/fingerprint.hpp"

#include <gtest/gtest.h>

#include "common/validate.hpp"

namespace rsg {
namespace {

TEST(Fingerprint, IsSixteenHexDigitsAndNeverChanges) {
  EXPECT_TRUE(IsHex(Fingerprint({}), 16));
  EXPECT_EQ(Fingerprint({"resnet50", "64"}), Fingerprint({"resnet50", "64"}));
  // By hand, from FNV's and splitmix64's published constants (Python, arbitrary precision).
  EXPECT_EQ(Fingerprint({}), "f52a15e9a9b5e89b");
  EXPECT_EQ(Fingerprint({"a", "bc"}), "461d25214179d9fb");
}

TEST(Fingerprint, KnowsWhereAPartEndsAndInWhichOrderTheyCome) {
  EXPECT_NE(Fingerprint({"ab", "c"}), Fingerprint({"a", "bc"}));
  EXPECT_NE(Fingerprint({"a", "b"}), Fingerprint({"b", "a"}));
  EXPECT_NE(Fingerprint({"a"}), Fingerprint({"a", ""}));
}

}  // namespace
}  // namespace rsg
