#include "common/models.hpp"

#include <gtest/gtest.h>

namespace rsg {
namespace {

TEST(Models, FoundByTimmsName) {
  ASSERT_NE(FindModel("resnet50"), nullptr);
  EXPECT_EQ(FindModel("resnet50")->parameters, 25'557'032u);  // timm's count
  EXPECT_EQ(FindModel("ResNet50"), nullptr);
  EXPECT_EQ(FindModel(""), nullptr);
}

TEST(CheckModelSize, RefusesWithTheRemedy) {
  const ModelEntry& resnet = *FindModel("resnet50");
  EXPECT_TRUE(CheckModelSize(resnet, 224, 1).ok());
  EXPECT_TRUE(CheckModelSize(resnet, 32, 2).ok());
  EXPECT_TRUE(CheckModelSize(resnet, 33, 1).ok());
  const auto small = CheckModelSize(resnet, 16, 8);
  EXPECT_EQ(small.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(small.message().find("use 32 to"), std::string::npos);
  EXPECT_FALSE(CheckModelSize(resnet, 32, 1).ok()) << "one value a channel cannot be normalised";
  EXPECT_FALSE(CheckModelSize(resnet, 1'000'000, 1).ok());
}

TEST(CheckModelSize, KeepsToWholePatches) {
  const ModelEntry& vit = *FindModel("vit_base_patch16_224");
  EXPECT_TRUE(CheckModelSize(vit, 32, 1).ok());
  EXPECT_EQ(CheckModelSize(vit, 65, 1).message(), "size: 65 does not fit vit_base_patch16_224; use a multiple of 16");
}

}  // namespace
}  // namespace rsg
