#include "agent/trainer/report/keys.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "common/validate.hpp"

namespace rsg::trainer {
namespace {

struct Facts {
  v1::Cell cell;
  v1::Flags flags;
  v1::Stack stack;
  MachineIdentity machine;
  v1::Keys Keys() const { return MakeKeys(cell, flags, stack, machine); }
};

Facts Usual() {
  Facts facts;
  facts.cell.set_model("resnet50");
  facts.cell.set_batch_size(64);
  facts.cell.set_image_size(224);
  facts.cell.set_precision(v1::PRECISION_FP32);
  facts.cell.set_memory_format(v1::MEMORY_FORMAT_NCHW);
  facts.cell.set_mode(v1::MODE_STANDARD);
  facts.flags.set_cudnn_benchmark(true);
  facts.flags.set_optimizer("sgd (fused)");
  facts.flags.set_threads(8);
  facts.stack.set_torch_version("2.11.0");
  facts.stack.set_cuda_version("13.0");
  facts.stack.set_cudnn_version("9.19.0");
  facts.stack.set_trainer_version("0.1.0");
  facts.machine = {.host = "a", .driver_version = "580.65.06", .gpu_uuid = "GPU-1", .cpu_name = ""};
  return facts;
}

using Change = std::function<void(Facts*)>;

/// Which of the three keys a change of one fact changes: "", "method", "stack" or "machine".
std::string Changed(const Change& change) {
  const v1::Keys before = Usual().Keys();
  Facts facts = Usual();
  change(&facts);
  const v1::Keys after = facts.Keys();
  std::string changed;
  if (before.method() != after.method()) changed += "method";
  if (before.stack() != after.stack()) changed += "stack";
  if (before.machine() != after.machine()) changed += "machine";
  return changed;
}

TEST(Keys, AreSixteenHexDigitsAndDiffer) {
  const v1::Keys keys = Usual().Keys();
  for (const std::string& key : {keys.method(), keys.stack(), keys.machine()}) EXPECT_TRUE(IsHex(key, 16)) << key;
  EXPECT_EQ(std::set({keys.method(), keys.stack(), keys.machine()}).size(), 3u);
}

TEST(Keys, TheMethodIsTheCellAndTheFlagsThatDecideTheArithmetic) {
  const std::vector<Change> changes{
      [](Facts* f) { f->cell.set_model("resnet18"); },
      [](Facts* f) { f->cell.set_batch_size(128); },
      [](Facts* f) { f->cell.set_image_size(64); },
      [](Facts* f) { f->cell.set_precision(v1::PRECISION_FP16); },
      [](Facts* f) { f->cell.set_memory_format(v1::MEMORY_FORMAT_NHWC); },
      [](Facts* f) { f->cell.set_mode(v1::MODE_ORIGINAL); },
      [](Facts* f) { f->flags.set_cudnn_benchmark(false); },
      [](Facts* f) { f->flags.set_cudnn_allow_tf32(true); },
      [](Facts* f) { f->flags.set_matmul_allow_tf32(true); },
      [](Facts* f) { f->flags.set_autocast(true); },
      [](Facts* f) { f->flags.set_autocast_dtype("bfloat16"); },
      [](Facts* f) { f->flags.set_grad_scaler(true); },
      [](Facts* f) { f->flags.set_cuda_graph(true); },
      [](Facts* f) { f->flags.set_attention("math"); },
      [](Facts* f) { f->flags.set_attention("flash"); },
  };
  std::set<std::string> methods{Usual().Keys().method()};
  for (const Change& change : changes) {
    EXPECT_EQ(Changed(change), "method");
    Facts facts = Usual();
    change(&facts);
    methods.insert(facts.Keys().method());
  }
  EXPECT_EQ(methods.size(), changes.size() + 1) << "two different methods have one key";
}

TEST(Keys, AScriptIsItsFileAndTheShapeOfASampleWhateverItIsCalled) {
  const auto method = [](const std::string& name, char digit, const std::vector<std::uint32_t>& shape) {
    Facts facts = Usual();
    facts.cell.set_model("script:" + name);
    facts.cell.mutable_script()->set_name(name);
    facts.cell.mutable_script()->set_sha256(std::string(63, '0') + digit);
    facts.cell.mutable_script()->mutable_sample_shape()->Assign(shape.begin(), shape.end());
    return facts.Keys().method();
  };
  EXPECT_EQ(method("a", '1', {}), method("b", '1', {}));
  EXPECT_EQ(method("a", '1', {}), method("a", '1', {3, 224, 224}));
  EXPECT_NE(method("a", '1', {}), method("a", '2', {}));
  EXPECT_NE(method("a", '1', {}), method("a", '1', {1, 224, 224}));
  EXPECT_NE(method("a", '1', {}), Usual().Keys().method());
}

TEST(Keys, TheStackIsItsLibraries) {
  EXPECT_EQ(Changed([](Facts* f) { f->stack.set_torch_version("2.7.1"); }), "stack");
  EXPECT_EQ(Changed([](Facts* f) { f->stack.set_cuda_version("12.6"); }), "stack");
  EXPECT_EQ(Changed([](Facts* f) { f->stack.set_cudnn_version(""); }), "stack");
}

TEST(Keys, TheMachineIsDeviceDriverAndHost) {
  EXPECT_EQ(Changed([](Facts* f) { f->machine.gpu_uuid = "GPU-2"; }), "machine");
  EXPECT_EQ(Changed([](Facts* f) { f->machine.driver_version = "570.1"; }), "machine");
  EXPECT_EQ(Changed([](Facts* f) { f->machine.host = "another machine"; }), "machine");
}

TEST(Keys, WhatOnlyTellsOfTheRunIsInNone) {
  EXPECT_EQ(Changed([](Facts* f) { f->flags.set_optimizer("sgd (foreach)"); }), "");
  EXPECT_EQ(Changed([](Facts* f) { f->flags.set_note("no CUDA graph: out of memory"); }), "");
  EXPECT_EQ(Changed([](Facts* f) { f->flags.set_threads(16); }), "");
  EXPECT_EQ(Changed([](Facts* f) { f->stack.set_trainer_version("0.2.0"); }), "");
  EXPECT_EQ(Changed([](Facts* f) { f->stack.set_source_revision("abc"); }), "");
}

TEST(Keys, ACpuWithOtherThreadsIsAnotherMachine) {
  Facts facts = Usual();
  facts.machine = {.host = "a", .driver_version = "", .gpu_uuid = "", .cpu_name = "EPYC"};
  const v1::Keys before = facts.Keys();
  facts.flags.set_threads(1);
  EXPECT_NE(facts.Keys().machine(), before.machine());
  EXPECT_EQ(facts.Keys().method(), before.method());
}

TEST(HostName, IsTheMachinesIdOrElseItsHardwares) {
  const std::filesystem::path root = std::filesystem::path(::testing::TempDir()) / "host_name_test";
  std::filesystem::remove_all(root);
  std::filesystem::create_directories(root / "etc");
  std::filesystem::create_directories(root / "sys/class/dmi/id");
  std::ofstream(root / "sys/class/dmi/id/product_uuid") << "ABC\n";
  EXPECT_EQ(HostName(root.string() + "/"), "ABC");
  std::ofstream(root / "etc/machine-id") << "uninitialized\n";
  EXPECT_EQ(HostName(root.string() + "/"), "ABC");
  std::ofstream(root / "etc/machine-id") << "0123\n";
  EXPECT_EQ(HostName(root.string() + "/"), "0123");
  std::filesystem::remove_all(root);
  EXPECT_FALSE(HostName(root.string() + "/").empty());
}

}  // namespace
}  // namespace rsg::trainer
