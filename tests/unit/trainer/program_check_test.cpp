// The verb `check` as other implementations meet it: one JSON object beside what timm computes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "child.hpp"

namespace rsg::trainer {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using Json = nlohmann::ordered_json;

std::vector<std::string> KeysOf(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& item : object.items()) keys.push_back(item.key());
  return keys;
}

TEST(ProgramCheck, PrintsOneObjectThatAgreesWithTimm) {
  std::ifstream file(RSG_GOLDEN_DIR "/resnet18.json");
  const Json golden = Json::parse(file);
  const Ended ended = RunTrainer({"check", "--model", "resnet18", "--batch", "2", "--size", "65", "--seed", "20771"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.err, IsEmpty());
  const Json printed = Json::parse(ended.out);
  EXPECT_THAT(KeysOf(printed), ElementsAreArray({"model", "batch", "size", "seed", "parameters", "tensors", "names",
                                                 "loss", "logits_l2", "logits_head", "grad_l2", "step_l2"}));
  for (const char* key : {"model", "batch", "size", "seed", "parameters", "names"})
    EXPECT_EQ(printed[key], golden[key]);
  EXPECT_EQ(printed["tensors"], golden["names"].size());
  const auto names = golden["names"].get<std::vector<std::string>>();
  EXPECT_EQ(KeysOf(printed["grad_l2"]), names);
  EXPECT_EQ(KeysOf(printed["step_l2"]), names);
  const double loss = golden["loss"];
  EXPECT_NEAR(printed["loss"].get<double>(), loss, 1e-9 * loss);
  const double gradient = golden["grad_l2"][0];
  EXPECT_NEAR(printed["grad_l2"][names[0]].get<double>(), gradient, 1e-9 * gradient);
  const double stepped = golden["step_l2"][0];
  EXPECT_NEAR(printed["step_l2"][names[0]].get<double>(), stepped, 1e-9 * stepped);
  EXPECT_EQ(printed["logits_head"].size(), 8u);
}

TEST(ProgramCheck, TheSeedIsAllOf64Bits) {
  const std::vector<std::string> words{"check", "--model", "resnet18", "--size", "33", "--seed"};
  const auto loss_of = [&](const std::string& seed) {
    std::vector<std::string> arguments = words;
    arguments.push_back(seed);
    const Json printed = Json::parse(RunTrainer(arguments).out);
    EXPECT_EQ(printed["seed"].get<std::uint64_t>(), std::stoull(seed));
    return printed["loss"].get<double>();
  };
  EXPECT_NE(loss_of("18446744073709551615"), loss_of("9223372036854775807"));
}

}  // namespace
}  // namespace rsg::trainer
