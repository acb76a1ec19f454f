// What the agent finds out about its machine and its trainer, and what it remembers of its coordinator.
#include "agent/facts/facts.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "agent/connection/membership.hpp"
#include "agent/facts/host.hpp"
#include "agent/facts/machine_id.hpp"
#include "agent/facts/trainer.hpp"

namespace rsg::agent {
namespace {

using ::testing::HasSubstr;

class FactsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "rsg-facts-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    std::filesystem::create_directories(root_ / "state");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void Put(const std::string& path, const std::string& content) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
  }
  std::filesystem::path root_;
};

TEST_F(FactsTest, CpuInfoIsTheStartOfWhatTheKernelSays) {
  EXPECT_EQ(CpuInfo(root_), "");
  std::string text = "processor\t: 0\nmodel name\t: \x1b[31mX\n";
  text.append(100'000, 'x');
  Put("proc/cpuinfo", text);
  const std::string info = CpuInfo(root_);
  EXPECT_EQ(info.size(), 65536u);
  EXPECT_THAT(info, ::testing::StartsWith("processor\t: 0\nmodel name\t: ?[31mX\n"));
}

TEST_F(FactsTest, GpuInfoIsWhatNvidiaSmiPrintsIfItDoes) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", root_.c_str(), 1);
  EXPECT_EQ(GpuInfo({}, 10), "") << "there is none";
  const auto become = [this](const std::string& script) {
    Put("nvidia-smi", "#!/bin/sh\n" + script);
    chmod((root_ / "nvidia-smi").c_str(), 0755);
  };
  become("[ \"$1\" = -q ] && echo 'GPU 00000000:01:00.0'");
  EXPECT_EQ(GpuInfo({}, 10), "GPU 00000000:01:00.0\n");
  become("echo 'no devices were found'; exit 6");
  EXPECT_EQ(GpuInfo({}, 10), "");
  become("exec /bin/sleep 60");
  EXPECT_EQ(GpuInfo({}, 0.3), "") << "a driver that hangs holds nobody up";
  setenv("PATH", path.c_str(), 1);
}

TEST_F(FactsTest, MachineIdIsHashedAndStable) {
  Put("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  const auto first = MachineId(root_, root_ / "state");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->size(), 16u);
  EXPECT_EQ(first->find("0123456789"), std::string::npos);
  EXPECT_EQ(*MachineId(root_, root_ / "state"), *first);
  Put("etc/machine-id", "another\n");
  EXPECT_NE(*MachineId(root_, root_ / "state"), *first);
}

TEST_F(FactsTest, MachineIdOfAContainerWithoutOneIsKept) {
  Put("etc/machine-id", "\n");
  const auto first = MachineId(root_, root_ / "state");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*MachineId(root_, root_ / "state"), *first);
}

TEST_F(FactsTest, CpuDeviceIdTellsAgentsApart) {
  EXPECT_EQ(CpuDeviceId("m", "c1").size(), 16u);
  EXPECT_EQ(CpuDeviceId("m", "c1"), CpuDeviceId("m", "c1"));
  EXPECT_NE(CpuDeviceId("m", "c1"), CpuDeviceId("m", "c2"));
}

TEST_F(FactsTest, ReadsTheHost) {
  Put("etc/os-release", "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
  Put("proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD EPYC 7R13 Processor\n");
  Put("proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\n");
  EXPECT_EQ(OperatingSystem(root_), "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(CpuModel(root_), "AMD EPYC 7R13 Processor");
  EXPECT_GE(AllowedCpus(), 1u);
  EXPECT_NE(Hostname(), "");
}

TEST_F(FactsTest, UnknownHostIsNoError) {
  EXPECT_EQ(OperatingSystem(root_), "Linux");
  EXPECT_NE(CpuModel(root_), "");
  EXPECT_EQ(BootId(root_), "");
}

TEST_F(FactsTest, TrainerIsAskedAndTheCpuGetsItsId) {
  Put("etc/machine-id", "m\n");
  Put("proc/meminfo", "MemTotal:       16777216 kB\n");
  const auto info = AskTrainer(RSG_FAKE_TRAINER, {}, 20);
  ASSERT_TRUE(info.ok()) << info.status();
  const auto facts = GatherFacts(*info, "hash", root_, root_ / "state");
  ASSERT_TRUE(facts.ok()) << facts.status();
  ASSERT_EQ(facts->devices_size(), 1);
  EXPECT_THAT(facts->devices(0).id(), HasSubstr("CPU-"));
  EXPECT_EQ(facts->devices(0).memory_mib(), 16384u) << "no more than the machine has";
  EXPECT_EQ(facts->models_size(), 2);
  EXPECT_EQ(facts->stack().torch_version(), "2.11.0");
}

TEST_F(FactsTest, WhatATrainerSaysBesideAGoodAnswerIsHandedOnOnce) {
  std::vector<std::string> words;
  ASSERT_TRUE(AskTrainer(RSG_FAKE_TRAINER, {}, 20, &words).ok());
  EXPECT_THAT(words, ::testing::IsEmpty());
  ASSERT_TRUE(AskTrainer(RSG_FAKE_TRAINER, {"OMP_FAKE_INFO=warn"}, 20, &words).ok());
  EXPECT_THAT(words, ::testing::ElementsAre("rsg-trainer: no GPU can be used: too old", "second"));
}

TEST_F(FactsTest, BadTrainersAreNamedWithTheirLastWords) {
  const auto ask = [](const char* answer, double seconds = 20) {
    return AskTrainer(RSG_FAKE_TRAINER, {std::string("OMP_FAKE_INFO=") + answer}, seconds).status();
  };
  EXPECT_EQ(ask(R"({"protocol_version":9})").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(ask(R"({"protocol_version":9})").message()), HasSubstr("one version"));
  EXPECT_THAT(std::string(ask("fail").message()), HasSubstr("libcudart.so.13 not found"));
  EXPECT_EQ(ask("not json").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ask("hang", 0.2).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(ask("hang", 0.2).message()), HasSubstr(RSG_FAKE_TRAINER));
  EXPECT_EQ(AskTrainer("/nowhere", {}, 1).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FactsTest, TrainerIsFoundOrItsAbsenceExplained) {
  EXPECT_EQ(*FindTrainer(RSG_FAKE_TRAINER), RSG_FAKE_TRAINER);
  EXPECT_THAT(std::string(FindTrainer("/nowhere").status().message()), HasSubstr("--trainer: /nowhere"));
  setenv("RSG_TRAINER", RSG_FAKE_TRAINER, 1);
  EXPECT_EQ(*FindTrainer(""), RSG_FAKE_TRAINER);
  setenv("RSG_TRAINER", "/nowhere", 1);
  EXPECT_THAT(std::string(FindTrainer("").status().message()), HasSubstr("RSG_TRAINER: /nowhere"));
  unsetenv("RSG_TRAINER");
  const std::string path = std::getenv("PATH");
  Put("bin/rsg-trainer", "#!/bin/sh\n");
  chmod((root_ / "bin/rsg-trainer").c_str(), 0755);
  setenv("PATH", (root_ / "bin").c_str(), 1);
  EXPECT_EQ(*FindTrainer(""), (root_ / "bin/rsg-trainer").string());
  setenv("PATH", "/nowhere", 1);
  EXPECT_THAT(std::string(FindTrainer("").status().message()), HasSubstr("--trainer"));
  setenv("PATH", path.c_str(), 1);
}

using MembershipTest = FactsTest;

JoinLine Line(const std::string& ca, const std::string& address = "host:1") {
  return {.kind = JoinKind::kAgent, .address = address, .ca_pem = ca, .secret = "token"};
}

TEST_F(MembershipTest, IsWrittenBeforeItIsUsedAndKept) {
  auto made = OpenMembership(root_ / "state", Line("ca"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->credential.size(), 64u);
  EXPECT_FALSE(made->enrolled);
  struct stat info {};
  ASSERT_EQ(stat((root_ / "state" / "membership").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(OpenMembership(root_ / "state", Line("ca"))->credential, made->credential);
  ASSERT_TRUE(SaveEnrolled(root_ / "state", &*made).ok());
  const auto restarted = OpenMembership(root_ / "state", std::nullopt);
  ASSERT_TRUE(restarted.ok());
  EXPECT_EQ(restarted->credential, made->credential);
  EXPECT_EQ(restarted->address, "host:1");
  EXPECT_TRUE(restarted->enrolled);
}

TEST_F(MembershipTest, MovedCoordinatorKeepsTheCredentialAnotherOneDoesNot) {
  auto made = OpenMembership(root_ / "state", Line("ca"));
  ASSERT_TRUE(SaveEnrolled(root_ / "state", &*made).ok());
  const auto moved = OpenMembership(root_ / "state", Line("ca", "host:2"));
  EXPECT_EQ(moved->credential, made->credential);
  EXPECT_EQ(moved->address, "host:2");
  EXPECT_TRUE(moved->enrolled);
  const auto other = OpenMembership(root_ / "state", Line("other ca"));
  EXPECT_NE(other->credential, made->credential);
  EXPECT_FALSE(other->enrolled);
}

TEST_F(MembershipTest, NothingToGoByAndDamageAreExplained) {
  EXPECT_THAT(std::string(OpenMembership(root_ / "state", std::nullopt).status().message()), HasSubstr("RSG_JOIN"));
  Put("state/membership", "{\"address\":");
  chmod((root_ / "state/membership").c_str(), 0600);
  EXPECT_EQ(OpenMembership(root_ / "state", std::nullopt).status().code(), absl::StatusCode::kDataLoss);
  chmod((root_ / "state/membership").c_str(), 0644);
  EXPECT_THAT(std::string(OpenMembership(root_ / "state", std::nullopt).status().message()), HasSubstr("chmod 600"));
}

}  // namespace
}  // namespace rsg::agent
