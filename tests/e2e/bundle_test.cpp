// The bundle: packed, unpacked elsewhere, run beside a Python torch that it must find by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "process.hpp"

namespace rsg::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Bundle : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "site");
    const Output unpacked = RunCommand({"/usr/bin/tar", "-xzf", RSG_BUNDLE, "-C", folder_.string()});
    ASSERT_EQ(unpacked.exit_code, 0) << unpacked.err;
    // As `pip install` leaves it, in a folder of this machine's own.
    fs::create_symlink(fs::path(RSG_TORCH) / "torch", folder_ / "site" / "torch");
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Program(const std::string& name) { return folder_ / "rsg-agent" / "bin" / name; }
  /// `rsg-trainer info --json` of the bundle.
  Output Info(const Environment& environment) {
    return RunCommand({Program("rsg-trainer"), "info", "--json"}, environment);
  }
  /// A folder whose torch package says that it is of `version`.
  std::string SiteOf(const std::string& version) {
    const fs::path torch = folder_ / ("site-" + version) / "torch";
    fs::create_directories(torch / "lib");
    std::ofstream(torch / "__init__.py");
    std::ofstream(torch / "lib" / "libtorch_cpu.so");
    std::ofstream(torch / "version.py") << "__version__ = '" << version << "+cu130'\n";
    return torch.parent_path();
  }

  const fs::path folder_ = testing::TempDir() + "rsg_bundle_" + std::to_string(getpid());
};

TEST_F(Bundle, TakesAtMost15MegabytesAndNamesNoFolderOfItsBuild) {
  EXPECT_LE(fs::file_size(RSG_BUNDLE), 15'000'000u);
  for (const char* program : {"bin/rsg-agent", "lib/rsg-trainer"}) {
    const Output headers = RunCommand({"/usr/bin/objdump", "-p", (folder_ / "rsg-agent" / program).string()});
    EXPECT_EQ(headers.exit_code, 0) << headers.err;
    EXPECT_EQ(headers.out.find(RSG_SOURCE_DIR), std::string::npos) << headers.out;
  }
}

TEST_F(Bundle, FindsTheTorchOfPython) {
  const Output info = Info({{"PYTHONPATH", folder_ / "site"}});
  ASSERT_EQ(info.exit_code, 0) << info.err;
  EXPECT_EQ(nlohmann::json::parse(info.out)["stack"]["torch_version"], RSG_TORCH_VERSION);
}

TEST_F(Bundle, TakesTheTorchThatIsNamed) {
  for (const fs::path& named : {folder_ / "site", folder_ / "site" / "torch"})
    EXPECT_EQ(Info({{"RSG_TORCH_DIR", named}}).exit_code, 0) << named;
}

TEST_F(Bundle, TrainsOneStep) {
  const Output run = RunCommand(
      {Program("rsg-trainer"), "run", "--model", "resnet18", "--bs", "2", "--size", "32", "--n_batches", "1"},
      {{"RSG_TORCH_DIR", folder_ / "site"}, {"OMP_NUM_THREADS", "1"}});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("samples/s"));
}

TEST_F(Bundle, RefusesATorchOfAnotherVersionByName) {
  const Output named = Info({{"RSG_TORCH_DIR", SiteOf("2.6.0")}});
  EXPECT_EQ(named.exit_code, 1);
  EXPECT_THAT(named.err, HasSubstr("RSG_TORCH_DIR: torch 2.6.0"));
  EXPECT_THAT(named.err, HasSubstr("no LibTorch " RSG_TORCH_VERSION));
  const Output found = Info({{"PYTHONPATH", SiteOf("2.6.0")}});
  EXPECT_EQ(found.exit_code, 1);
  EXPECT_THAT(found.err, HasSubstr("torch 2.6.0"));
  EXPECT_THAT(found.err, HasSubstr("pip install torch==" RSG_TORCH_VERSION));
}

TEST_F(Bundle, SaysWhatToDoWhereThereIsNoTorch) {
  const Output missing = Info({{"RSG_TORCH_DIR", "/nowhere"}});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("RSG_TORCH_DIR: no LibTorch in /nowhere"));
}

TEST_F(Bundle, AgentStartsAndAsksForItsJoinLine) {
  EXPECT_EQ(RunCommand({Program("rsg-agent"), "--version"}).exit_code, 0);
  const Output agent =
      RunCommand({Program("rsg-agent")}, {{"RSG_STATE", folder_ / "state"}, {"RSG_TORCH_DIR", folder_ / "site"}});
  EXPECT_THAT(agent.err, HasSubstr("RSG_JOIN"));
}

}  // namespace
}  // namespace rsg::e2e
