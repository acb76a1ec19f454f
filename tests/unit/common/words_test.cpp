#include "common/words.hpp"

#include <gtest/gtest.h>

namespace rsg {
namespace {

TEST(Words, AreTheFieldsOwn) {
  EXPECT_EQ(Word(v1::PRECISION_FP32_STRICT), "fp32-strict");
  EXPECT_EQ(Word(v1::MEMORY_FORMAT_NHWC), "nhwc");
  EXPECT_EQ(Word(v1::DEVICE_KIND_GPU), "gpu");
  EXPECT_EQ(Word(v1::OUTCOME_OUT_OF_MEMORY), "OUT_OF_MEMORY");
  EXPECT_EQ(Word(v1::AGENT_STATE_LOST), "LOST");
  EXPECT_EQ(Word(v1::MODE_ORIGINAL), "original");
  EXPECT_EQ(Word(v1::ROLE_CONTROL), "CONTROL");
  EXPECT_EQ(ModeWords(), "standard, original, tuned");
  EXPECT_EQ(PrecisionWords(), "fp32, fp32-strict, tf32, fp16, bf16");
}

TEST(Words, UnknownValuesHaveNone) {
  EXPECT_EQ(Word(v1::PRECISION_UNSPECIFIED), "");
  EXPECT_EQ(Word(static_cast<v1::Precision>(99)), "");
}

TEST(Words, ReadBackInAnyCase) {
  EXPECT_EQ(ParsePrecision("FP32-strict"), v1::PRECISION_FP32_STRICT);
  EXPECT_EQ(ParseMode("Tuned"), v1::MODE_TUNED);
  EXPECT_EQ(ParseOutcome("out_of_memory"), v1::OUTCOME_OUT_OF_MEMORY);
  EXPECT_EQ(ParsePrecision("fp8"), std::nullopt);
  EXPECT_EQ(ParsePrecision("unspecified"), std::nullopt);
  EXPECT_EQ(ParsePrecision(""), std::nullopt);
}

}  // namespace
}  // namespace rsg
