// What Apply has acknowledged is there after the process has died; a full disk loses nothing and heals.
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "absl/strings/str_cat.h"
#include "fixture.hpp"

namespace rsg::store {
namespace {

using namespace schedule;

using DurabilityTest = StoreTest;

const AttemptKey kAttempt{{1, 1}, 1};

Changes NextWindows(std::uint32_t done, std::uint32_t count) {
  return {AppendWindows{kAttempt, kLease, WindowsOf(done + 1, done + count)}};
}

TEST_F(DurabilityTest, AnAbruptEndKeepsWhatWasAcknowledged) {
  const auto answer = InChild([this]() -> std::string {
    auto store = Store::Open(database_);
    if (!store.ok() || !(*store)->Apply(BaseChanges()).ok()) return "not stored";
    const auto stored = (*store)->Apply(NextWindows(0, 10));
    (void)store->release();  // no destructor: as if the power went
    return stored.ok() ? "" : stored.ToString();
  });
  ASSERT_EQ(answer, "");
  EXPECT_TRUE(std::filesystem::exists(database_.string() + "-wal"));
  auto store = OpenStore();
  EXPECT_EQ(store->Load()->attempts.at(0).last_sequence, 10U);
  EXPECT_TRUE(store->Apply(NextWindows(10, 5)).ok());
  EXPECT_EQ(AskOne("SELECT COUNT(*), MAX(sequence) FROM windows"), "15|15");
}

TEST_F(DurabilityTest, KillNineAtAnyMomentKeepsEveryAcknowledgedWindowOnce) {
  ASSERT_TRUE(OpenStore()->Apply(BaseChanges()).ok());
  std::uint32_t acknowledged = 0;
  for (int round = 0; round < 4; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto store = Store::Open(database_);
      if (!store.ok()) _exit(1);
      for (auto done = (*store)->Load()->attempts.at(0).last_sequence;; done += 3) {
        if (!(*store)->Apply(NextWindows(done, 3)).ok()) _exit(2);
        const std::uint32_t last = done + 3;
        if (write(ends[1], &last, sizeof last) != sizeof last) _exit(3);
      }
    }
    close(ends[1]);
    for (int acks = 0; acks < 5 + 7 * round; ++acks) ASSERT_EQ(read(ends[0], &acknowledged, sizeof acknowledged), 4);
    kill(child, SIGKILL);
    while (read(ends[0], &acknowledged, sizeof acknowledged) == 4) continue;
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;

    auto store = OpenStore();
    const auto last = store->Load()->attempts.at(0).last_sequence;
    EXPECT_GE(last, acknowledged);
    EXPECT_LE(last, acknowledged + 3);
    EXPECT_EQ(AskOne("SELECT COUNT(*), COUNT(DISTINCT sequence), MAX(sequence) FROM windows"),
              absl::StrCat(last, "|", last, "|", last));
  }
}

// Applies windows until there is no space, then calls `make_space` and goes on. Says what went wrong.
std::string FillAndHeal(const std::filesystem::path& database, const std::function<bool()>& make_space) {
  auto store = Store::Open(database);
  if (!store.ok()) return store.status().ToString();
  if (auto based = (*store)->Apply(BaseChanges()); !based.ok()) return based.ToString();
  std::uint32_t done = 0;
  absl::Status status;
  while (status.ok() && done < 200000) {
    status = (*store)->Apply(NextWindows(done, 200));
    if (status.ok()) done += 200;
  }
  if (status.code() != absl::StatusCode::kResourceExhausted) return "not exhausted: " + status.ToString();
  if (status.ToString().find(database.string()) == std::string::npos) return "no path: " + status.ToString();
  if (status.ToString().find("free space") == std::string::npos) return "no remedy: " + status.ToString();
  if (done == 0) return "nothing was stored before";
  const auto loaded = (*store)->Load();
  if (!loaded.ok()) return "cannot read while full: " + loaded.status().ToString();
  if (loaded->attempts.at(0).last_sequence != done) return "an unacknowledged batch was kept";
  if ((*store)->Apply(NextWindows(done, 200)).ok()) return "stored while full";
  if (!make_space()) return "no space made";
  if (auto healed = (*store)->Apply(NextWindows(done, 200)); !healed.ok()) return "not healed: " + healed.ToString();
  auto reader = Reader::Open(database);
  if (!reader.ok()) return reader.status().ToString();
  const auto jobs = (*reader)->JobsPage(1, 0, 1);
  return jobs.ok() ? "" : jobs.status().ToString();
}

TEST_F(DurabilityTest, AFileSizeLimitIsAFullDisk) {
  const auto answer = InChild([this]() -> std::string {
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    const auto unlimited = limit;
    limit.rlim_cur = 1 << 20;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return "setrlimit";
    return FillAndHeal(database_, [&] { return setrlimit(RLIMIT_FSIZE, &unlimited) == 0; });
  });
  EXPECT_EQ(answer, "");
  auto store = OpenStore();
  EXPECT_GT(store->Load()->attempts.at(0).last_sequence, 0U);
}

TEST_F(DurabilityTest, AFullDiskLosesNothingAndHeals) {
  const auto answer = InChild([this]() -> std::string {
    const auto mounted = folder_ / "small";
    std::filesystem::create_directory(mounted);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=2m") != 0) {
      return "may not mount";
    }
    return FillAndHeal(mounted / "rsg.db",
                       [&] { return mount("tmpfs", mounted.c_str(), "tmpfs", MS_REMOUNT, "size=64m") == 0; });
  });
  if (answer == "may not mount") GTEST_SKIP() << "mounting a small tmpfs needs root";
  EXPECT_EQ(answer, "");
}

}  // namespace
}  // namespace rsg::store
