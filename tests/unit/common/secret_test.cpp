#include "common/secret.hpp"

#include <gtest/gtest.h>

namespace rsg {
namespace {

TEST(Secret, Sha256IsTheStandards) {
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Secret, RandomIsLongEnoughAndDiffers) {
  EXPECT_EQ(RandomHex(16).size(), 32u);
  EXPECT_NE(RandomHex(16), RandomHex(16));
}

TEST(Secret, ComparesWhole) {
  EXPECT_TRUE(EqualInConstantTime("abc", "abc"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abd"));
  EXPECT_FALSE(EqualInConstantTime("abc", "ab"));
}

TEST(Secret, Base64UrlReadsBack) {
  EXPECT_EQ(FromBase64Url(Base64Url("\x01\xff any")), "\x01\xff any");
  EXPECT_EQ(FromBase64Url("!"), "");
}

}  // namespace
}  // namespace rsg
