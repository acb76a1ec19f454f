#include "agent/trainer/report/messages.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/models.hpp"
#include "common/version.hpp"

namespace rsg::trainer {
namespace {

class FakeDevice : public Device {
 public:
  explicit FakeDevice(int capability_major) { id_.capability_major = capability_major; }
  const std::string& torch_name() const override { return name_; }
  const DeviceIdentity& identity() const override { return id_; }
  std::unique_ptr<Mark> MakeMark() override { return nullptr; }
  std::size_t QueueAhead() const override { return 0; }
  void LimitMemory(std::uint32_t) override {}
  std::uint32_t PeakMemoryMib() override { return 0; }
  std::uint32_t HostThreads() const override { return 6; }
  std::string CudnnVersion() const override { return ""; }

 private:
  std::string name_ = "fake";
  DeviceIdentity id_;
};

TEST(Messages, FlagsOfAGpuAreThoseInForce) {
  const FakeDevice gpu(9);
  const Numerics fp16{
      .cudnn_tf32 = true, .matmul_tf32 = false, .autocast = Numerics::Autocast::kFloat16, .grad_scaler = true};
  const v1::Flags flags = MakeFlags(
      gpu, fp16, true, {.optimizer = "sgd (fused)", .attention = "flash", .cuda_graph = true, .note = "a note"});
  EXPECT_TRUE(flags.cudnn_benchmark());
  EXPECT_TRUE(flags.cudnn_allow_tf32());
  EXPECT_FALSE(flags.matmul_allow_tf32());
  EXPECT_TRUE(flags.autocast());
  EXPECT_EQ(flags.autocast_dtype(), "float16");
  EXPECT_TRUE(flags.grad_scaler());
  EXPECT_EQ(flags.threads(), 6u);
  EXPECT_EQ(flags.optimizer(), "sgd (fused)");
  EXPECT_TRUE(flags.cuda_graph());
  EXPECT_EQ(flags.note(), "a note");
  EXPECT_EQ(flags.attention(), "flash");
}

TEST(Messages, FlagsWithoutEffectOnACpuAreOff) {
  const FakeDevice cpu(0);
  const v1::Flags flags = MakeFlags(cpu, {.cudnn_tf32 = true, .matmul_tf32 = true}, true, {});
  EXPECT_FALSE(flags.cudnn_benchmark());
  EXPECT_FALSE(flags.cudnn_allow_tf32());
  EXPECT_FALSE(flags.matmul_allow_tf32());
  EXPECT_FALSE(flags.autocast());
  EXPECT_EQ(flags.autocast_dtype(), "");
}

TEST(Messages, InfoListsGpusByOrdinalAndTheCpuLast) {
  DeviceList devices;
  devices.gpus = {{.uuid = "GPU-a", .name = "One", .memory_mib = 24000, .capability_major = 8, .capability_minor = 6},
                  {.uuid = "GPU-b", .name = "Two", .memory_mib = 8000, .capability_major = 7, .capability_minor = 5}};
  devices.cpu = {.name = "Processor", .memory_mib = 64000};
  devices.cudnn_version = "9.19.0";
  const v1::TrainerInfo info = MakeInfo(devices, "580.65");
  EXPECT_EQ(info.protocol_version(), kProtocolVersion);
  ASSERT_EQ(info.devices_size(), 3);
  EXPECT_EQ(info.devices(0).id(), "GPU-a");
  EXPECT_EQ(info.devices(0).kind(), v1::DEVICE_KIND_GPU);
  EXPECT_EQ(info.devices(0).compute_capability(), "8.6");
  EXPECT_EQ(info.devices(0).precisions_size(), 5);
  EXPECT_EQ(info.devices(1).ordinal(), 1u);
  EXPECT_EQ(info.devices(1).precisions_size(), 3);
  EXPECT_EQ(info.devices(2).kind(), v1::DEVICE_KIND_CPU);
  EXPECT_EQ(info.devices(2).id(), "");
  EXPECT_EQ(info.devices(2).compute_capability(), "");
  EXPECT_EQ(info.stack().cudnn_version(), "9.19.0");
  EXPECT_FALSE(info.stack().torch_version().empty());
  EXPECT_EQ(info.driver_version(), "580.65");
}

TEST(Messages, AllModelsAreListed) {
  const v1::ModelList list = MakeModelList();
  ASSERT_EQ(static_cast<std::size_t>(list.models_size()), Models().size());
  const auto resnet50 = std::find_if(list.models().begin(), list.models().end(),
                                     [](const auto& model) { return model.name() == "resnet50"; });
  ASSERT_NE(resnet50, list.models().end());
  EXPECT_EQ(resnet50->parameters(), 25557032u);
  EXPECT_EQ(resnet50->default_image_size(), 224u);
}

}  // namespace
}  // namespace rsg::trainer
