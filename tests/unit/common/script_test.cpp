#include "common/script.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "common/validate.hpp"

namespace rsg {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

v1::Cell GoodCell() {
  v1::Cell cell;
  cell.set_model("script:ghostnet-1.0");
  cell.set_batch_size(8);
  cell.set_image_size(64);
  cell.set_precision(v1::PRECISION_FP32);
  cell.set_memory_format(v1::MEMORY_FORMAT_NHWC);
  cell.set_mode(v1::MODE_STANDARD);
  cell.mutable_script()->set_name("ghostnet-1.0");
  cell.mutable_script()->set_sha256("0123456789abcdef" + std::string(48, '0'));
  cell.mutable_script()->set_bytes(1);
  return cell;
}

TEST(Script, GoodOnesPass) {
  EXPECT_TRUE(Validate(GoodCell()).ok()) << Validate(GoodCell());
  v1::Cell flat = GoodCell();
  flat.mutable_script()->add_sample_shape(65536);
  flat.set_image_size(65536);
  flat.set_memory_format(v1::MEMORY_FORMAT_NCHW);
  EXPECT_TRUE(Validate(flat).ok()) << Validate(flat);
}

TEST(Script, NamesFieldValueAndRemedy) {
  struct Case {
    std::function<void(v1::Cell&)> change;
    std::vector<std::string> words;
  };
  const auto shape = [](v1::Cell& cell, const std::vector<std::uint32_t>& numbers) {
    cell.mutable_script()->mutable_sample_shape()->Assign(numbers.begin(), numbers.end());
    cell.set_image_size(numbers.back());
  };
  const Case cases[] = {
      {[](v1::Cell& c) { c.clear_script(); }, {"script: absent", "name its file"}},
      {[](v1::Cell& c) { c.set_model("resnet18"); }, {"model: not the script's", "use script:ghostnet-1.0"}},
      {[](v1::Cell& c) { c.mutable_script()->set_name(""); }, {"script.name: empty", "use 1 to 64"}},
      {[](v1::Cell& c) { c.mutable_script()->set_name("a/b\n"); }, {"script.name: 'a/b\\n'", "A-Z a-z"}},
      {[](v1::Cell& c) { c.mutable_script()->set_name(std::string(65, 'a')); }, {"script.name: 65 bytes"}},
      {[](v1::Cell& c) { c.mutable_script()->set_sha256(std::string(64, 'A')); }, {"script.sha256", "hex digits"}},
      {[](v1::Cell& c) { c.mutable_script()->set_bytes(0); }, {"script.bytes: 0"}},
      {[](v1::Cell& c) { c.set_image_size(0); }, {"size: 0", "1 to 4096"}},
      {[](v1::Cell& c) { c.set_image_size(4097); }, {"size: 4097", "1 to 4096"}},
      {[](v1::Cell& c) { c.set_batch_size(0); }, {"batch_size"}},
      {[&](v1::Cell& c) {
         shape(c, {3, 0, 4});
       },
       {"script.sample_shape: 0", "use 1 to 65536"}},
      {[&](v1::Cell& c) {
         shape(c, {3, 65537, 4});
       },
       {"script.sample_shape: 65537"}},
      {[&](v1::Cell& c) {
         shape(c, {1, 1, 1, 1, 1});
       },
       {"script.sample_shape: 5 numbers", "use 1 to 4"}},
      {[&](v1::Cell& c) {
         shape(c, {65536, 65536, 65536, 65536});
       },
       {"script.sample_shape", "smaller"}},
      {[&](v1::Cell& c) {
         shape(c, {3, 64, 32}), c.set_image_size(64);
       },
       {"size: 64", "use 32"}},
      {[&](v1::Cell& c) { shape(c, {10}); }, {"memory_format: nhwc", "1 number", "use nchw"}},
  };
  for (const Case& each : cases) {
    v1::Cell cell = GoodCell();
    each.change(cell);
    const absl::Status status = Validate(cell);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << cell.ShortDebugString();
    for (const std::string& word : each.words) EXPECT_THAT(std::string(status.message()), HasSubstr(word));
  }
}

TEST(Script, ANameForAnyFile) {
  EXPECT_EQ(ScriptNameOf("ghostnet_100-v1.5"), "ghostnet_100-v1.5");
  EXPECT_EQ(ScriptNameOf("my net (é)"), "my_net_____");
  EXPECT_EQ(ScriptNameOf(std::string(100, 'x')), std::string(64, 'x'));
  EXPECT_TRUE(IsScriptModel(ScriptModel(GoodCell().script())));
  EXPECT_FALSE(IsScriptModel("resnet18"));
  EXPECT_EQ(DescribeModel(GoodCell()), "script:ghostnet-1.0 (01234567)");
}

TEST(Script, SampleShapes) {
  EXPECT_THAT(ParseSampleShape("3,224,192").value(), ElementsAre(3, 224, 192));
  EXPECT_THAT(ParseSampleShape("10").value(), ElementsAre(10));
  for (const char* bad : {"", "3,", "3x4x5", "-1", "0", "65537", "1,1,1,1,1", "4294967297"})
    EXPECT_EQ(ParseSampleShape(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  v1::Script script;
  EXPECT_THAT(ScriptSampleShape(script, 64), ElementsAre(3, 64, 64));
  EXPECT_EQ(DefaultImageSize(script), 224u);
  script.mutable_sample_shape()->Add(10);
  EXPECT_THAT(ScriptSampleShape(script, 10), ElementsAre(10));
  EXPECT_EQ(DefaultImageSize(script), 10u);
  EXPECT_FALSE(TakesImages(script));
}

}  // namespace
}  // namespace rsg
