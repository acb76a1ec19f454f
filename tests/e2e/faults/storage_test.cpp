// The coordinator's disk is full, or slow.
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "fault_fleet.hpp"

namespace rsg::e2e {
namespace {

namespace fs = std::filesystem;

class Fault : public FaultFleet {};

// The coordinator's state folder lies on a disk of a few megabytes, in a mount namespace of this process. Where that is
// not permitted its files may not grow, which is much the same to it.
class SmallDisk {
 public:
  explicit SmallDisk(fs::path folder) : folder_(std::move(folder)) {
    fs::create_directory(folder_);
    chmod(folder_.c_str(), 0700);
    mounted_ = unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               mount("rsg-test", folder_.c_str(), "tmpfs", 0, "size=8m,mode=0700") == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

  void Fill(pid_t coordinator) const {
    if (mounted_) {
      std::ofstream file(folder_ / "filler", std::ios::binary);
      const std::string block(4096, 'x');
      while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
      }
    } else {
      std::error_code none;
      SetLimit(coordinator, std::max<rlim_t>(fs::file_size(folder_ / "rsg.db-wal", none), 16384));
    }
  }
  void Free(pid_t coordinator) const {
    if (mounted_)
      fs::remove(folder_ / "filler");
    else
      SetLimit(coordinator, RLIM_INFINITY);
  }

 private:
  static void SetLimit(pid_t pid, rlim_t bytes) {
    const rlimit limit{.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    EXPECT_EQ(prlimit(pid, RLIMIT_FSIZE, &limit, nullptr), 0) << std::strerror(errno);
  }

  const fs::path folder_;
  bool mounted_ = false;
};

TEST_F(Fault, DiskFull) {
  const SmallDisk disk(folder_ / "coordinator");
  if (!disk.mounted()) coordinator_wrapper_ = {"/bin/sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"};
  StartCoordinator();
  const auto agent = StartScripted("one", 150);
  WaitForAgents(1);
  const std::string sweep = SubmitOne();
  EXPECT_TRUE(WaitForWindowsOver(0));
  const auto children = ChildrenOf(agent->pid());
  ASSERT_EQ(children.size(), 1u);
  Stopwatch watch;
  disk.Fill(coordinator_->pid());
  EXPECT_TRUE(WaitForLog(*coordinator_, "cannot store"));
  const double detected = watch.Seconds();
  EXPECT_TRUE(WaitForLog(*agent, "cannot store anything now")) << "the agent is told why";
  const int stored = Windows();
  const Output refused = Rsg({"sweep", "submit", "--models", "resnet18", "--bs", "8"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("cannot store anything now"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find(disk.mounted() ? "full" : "I/O"), std::string::npos) << refused.err;
  EXPECT_TRUE(Alive(children[0])) << "the measurement goes on";
  EXPECT_EQ(Windows(), stored);
  watch.Reset();
  disk.Free(coordinator_->pid());
  EXPECT_TRUE(WaitForWindowsOver(stored));
  Record("disk full", detected, watch.Seconds(), disk.mounted() ? "tmpfs of 8 MiB" : "a limit on the size of files");
  EXPECT_TRUE(WaitForLog(*coordinator_, "storing works again"));
  ExpectCompleted(sweep, 1, 1);
  coordinator_.reset();
}

TEST_F(Fault, SlowStore) {
  constexpr double kFlush = 1;  // seconds
  coordinator_environment_.merge(Shim("coordinator"));
  StartCoordinator();
  const auto agent = StartScripted("one", 100);
  WaitForAgents(1);
  const std::string quick = SubmitOne();
  EXPECT_EQ(WaitForSweep(quick), "COMPLETED");
  SetShim("coordinator", 0, kFlush);
  const std::string slow = SubmitOne();
  EXPECT_EQ(WaitForSweep(slow), "COMPLETED");
  ExpectNothingLostOrDoubled(slow);
  const auto runtime = [&](const std::string& sweep) {
    return std::stod("0" + SqlValue("SELECT runtime_seconds FROM attempts WHERE sweep = " + sweep.substr(1)));
  };
  char note[96];
  std::snprintf(note, sizeof note, "100 windows took %.2f s; %.2f s with %.1f s a flush", runtime(quick), runtime(slow),
                kFlush);
  Record("slow store", -1, -1, note);
  // Waiting for but one of the commits would show.
  EXPECT_LT(runtime(slow), runtime(quick) + kFlush);
}

}  // namespace
}  // namespace rsg::e2e
