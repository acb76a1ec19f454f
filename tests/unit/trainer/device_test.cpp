#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "agent/trainer/device/cpu/cpu_device.hpp"
#include "agent/trainer/device/cuda/loader.hpp"
#include "agent/trainer/device/open.hpp"

namespace rsg::trainer {
namespace {

using ::testing::HasSubstr;

bool HasDriver() { return dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) != nullptr; }

TEST(CpuDevice, MarksTellSecondsOfTheSteadyClock) {
  const auto cpu = OpenCpu();
  EXPECT_EQ(cpu->torch_name(), "cpu");
  EXPECT_FALSE(cpu->is_gpu());
  EXPECT_EQ(cpu->QueueAhead(), 0u);
  const auto began = std::chrono::steady_clock::now();
  const auto first = cpu->MakeMark();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const auto second = cpu->MakeMark();
  const std::chrono::duration<double> around = std::chrono::steady_clock::now() - began;
  second->Wait();
  EXPECT_GE(second->SecondsSince(*first), 0.005);
  EXPECT_LE(second->SecondsSince(*first), around.count());
}

TEST(CpuDevice, KnowsItself) {
  const auto cpu = OpenCpu();
  EXPECT_FALSE(cpu->identity().name.empty());
  EXPECT_GT(cpu->identity().memory_mib, 0u);
  EXPECT_GT(cpu->PeakMemoryMib(), 10u);
  EXPECT_GE(cpu->HostThreads(), 1u);
}

TEST(OpenDevice, RefusesWhatIsNoDevice) {
  for (const char* name : {"gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "CPU"}) {
    const auto device = OpenDevice(name);
    EXPECT_EQ(device.status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(device.status().message()), HasSubstr("use cpu, cuda or cuda:N"));
  }
}

TEST(OpenDevice, WithoutADriverThereIsOnlyTheCpuAndNoComplaint) {
  if (HasDriver()) GTEST_SKIP() << "this machine has an NVIDIA driver";
  EXPECT_EQ(LoadCudaPlugin().status().code(), absl::StatusCode::kNotFound);
  const DeviceList devices = ListDevices();
  EXPECT_TRUE(devices.gpus.empty());
  EXPECT_TRUE(devices.note.empty());
  EXPECT_EQ(OpenDevice("cuda").status().code(), absl::StatusCode::kUnimplemented);
  const auto any = OpenDevice("");
  ASSERT_TRUE(any.ok());
  EXPECT_EQ((*any)->torch_name(), "cpu");
}

}  // namespace
}  // namespace rsg::trainer
