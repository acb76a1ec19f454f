// A copy of a coordinator's state, made while it writes, and what is made of it again.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/files.hpp"
#include "coordinator/server/state_backup.hpp"
#include "fixture.hpp"

namespace rsg::server {
namespace {

namespace fs = std::filesystem;
using schedule::AppendWindows;
using schedule::AttemptKey;
using schedule::PutAgent;
using testing::HasSubstr;

const std::string kScript(64, 'a');

class Backup : public store::StoreTest {
 protected:
  Backup() : backup_(folder_ / "backup"), restored_(folder_ / "restored") {
    database_ = state() / "rsg.db";
    fs::create_directories(state() / "tls");
    fs::create_directories(state() / "scripts");
    fs::permissions(state(), fs::perms::owner_all);
    for (const char* file :
         {"operator", "join", "wandb-key", "tls/ca.key", "tls/ca.pem", "tls/server.key", "tls/server.pem"})
      Write(state() / file, absl::StrCat("content of ", file));
    Write(state() / "scripts" / kScript, "a module");
    Write(state() / "scripts" / "upload-1", "half a module");
  }

  fs::path state() const { return folder_ / "state"; }

  static void Write(const fs::path& file, const std::string& text) {
    std::ofstream(file) << text;
    fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  }

  void Execute(const fs::path& database, const std::string& sql) {
    auto connection = store::Connection::Open(database, store::Connection::Access::kWrite);
    ASSERT_TRUE(connection.ok()) << connection.status();
    const auto done = connection->Execute(sql, "prepare the test");
    ASSERT_TRUE(done.ok()) << done;
  }

  /// State with a measured job, and a backup of it.
  void MakeBackup() {
    const auto store = OpenStore();
    ASSERT_TRUE(store->Apply(store::BaseChanges()).ok());
    ASSERT_TRUE(store->Apply(store::CompletedJob(store::JobOf(1, 3), 500)).ok());
    const auto copied = BackUp(state(), backup_, /*scripts=*/true);
    ASSERT_TRUE(copied.ok()) << copied.status();
  }

  fs::path backup_;
  fs::path restored_;
};

fs::perms PermissionsOf(const fs::path& path) { return fs::status(path).permissions(); }

TEST_F(Backup, CopyMadeWhileTheStoreWritesHoldsAPrefixOfItsCommits) {
  const auto store = OpenStore();
  ASSERT_TRUE(store->Apply(store::BaseChanges()).ok());
  std::atomic<std::uint32_t> committed = 0;
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    while (!stop) {
      const std::uint32_t next = committed + 1;
      auto agent = store::AgentOf("a-1");
      agent.instance_id = absl::StrCat(next);
      const store::Changes changes{AppendWindows{AttemptKey{{1, 1}, 1}, store::kLease, store::WindowsOf(next, next)},
                                   PutAgent{agent}};
      ASSERT_TRUE(store->Apply(changes).ok());
      committed = next;
    }
  });
  for (int i = 0; i < 5; ++i) {
    const std::uint32_t before = committed;
    while (committed == before) std::this_thread::yield();
    const std::uint32_t least = committed;
    database_ = folder_ / absl::StrCat("copy", i);
    const auto copied = store::Copy(state() / "rsg.db", database_);
    const std::uint32_t most = committed + 1;
    ASSERT_TRUE(copied.ok()) << copied;
    const auto holdings = store::Inspect(database_);
    ASSERT_TRUE(holdings.ok()) << holdings.status();
    EXPECT_GE(holdings->windows, least);
    EXPECT_LE(holdings->windows, most);
    EXPECT_EQ(AskOne("SELECT max(sequence) FROM windows"), absl::StrCat(holdings->windows));
    EXPECT_EQ(AskOne("SELECT instance_id FROM agents"), absl::StrCat(holdings->windows)) << "half a commit";
    EXPECT_EQ(AskOne("PRAGMA integrity_check"), "ok");
    EXPECT_EQ(PermissionsOf(database_), fs::perms::owner_read | fs::perms::owner_write);
  }
  stop = true;
  writer.join();
}

TEST_F(Backup, EverythingButWandbsKeyComesBack) {
  MakeBackup();
  EXPECT_EQ(PermissionsOf(backup_), fs::perms::owner_all);
  const auto copied = Restore(backup_, restored_);
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(copied->holdings.sweeps, 1);
  EXPECT_EQ(copied->holdings.results, 1);
  EXPECT_EQ(copied->holdings.windows, 60);
  EXPECT_EQ(copied->scripts, 1U);
  for (const char* file : {"operator", "join", "tls/ca.key", "tls/ca.pem", "tls/server.key", "tls/server.pem"}) {
    EXPECT_EQ(*ReadFile(restored_ / file), absl::StrCat("content of ", file));
    EXPECT_EQ(PermissionsOf(restored_ / file), fs::perms::owner_read | fs::perms::owner_write) << file;
  }
  EXPECT_EQ(*ReadFile(restored_ / "scripts" / kScript), "a module");
  EXPECT_FALSE(fs::exists(restored_ / "scripts" / "upload-1")) << "an upload that had not ended";
  EXPECT_FALSE(fs::exists(backup_ / "wandb-key"));
  const auto before = OpenStore()->Load();
  database_ = restored_ / "rsg.db";
  const auto after = OpenStore()->Load();
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_EQ(store::Text(*after), store::Text(*before));
}

TEST_F(Backup, WhatRootRestoresBelongsToTheFoldersOwner) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  MakeBackup();
  constexpr uid_t kService = 61234;
  fs::create_directories(restored_);
  ASSERT_EQ(chown(restored_.c_str(), kService, kService), 0);
  const auto copied = Restore(backup_, restored_);
  ASSERT_TRUE(copied.ok()) << copied.status();
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(restored_)) {
    struct stat owner {};
    ASSERT_EQ(lstat(entry.path().c_str(), &owner), 0);
    EXPECT_EQ(owner.st_uid, kService) << entry.path();
    EXPECT_EQ(owner.st_gid, kService) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 10);
}

TEST_F(Backup, ScriptsStayBehindWhenAsked) {
  OpenStore();
  const auto copied = BackUp(state(), backup_, /*scripts=*/false);
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(copied->scripts, 0U);
  EXPECT_FALSE(fs::exists(backup_ / "scripts"));
}

TEST_F(Backup, NothingIsOverwritten) {
  MakeBackup();
  Write(backup_ / "join", "of the first backup");
  EXPECT_EQ(BackUp(state(), backup_, true).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*ReadFile(backup_ / "join"), "of the first backup");
  EXPECT_EQ(store::Copy(database_, backup_ / "rsg.db").code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(Backup, InterruptedBackupIsNoneAndIsMadeAnew) {
  fs::create_directories(backup_.string() + ".partial/tls");
  Write(backup_.string() + ".partial/rsg.db", "half a database");
  MakeBackup();
  EXPECT_FALSE(fs::exists(backup_.string() + ".partial"));
  EXPECT_TRUE(store::Inspect(backup_ / "rsg.db").ok());
}

TEST_F(Backup, FolderWithoutADatabaseIsRefused) {
  EXPECT_EQ(BackUp(state(), backup_, true).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(fs::exists(backup_));
  fs::create_directories(backup_);
  const auto restored = Restore(backup_, restored_);
  EXPECT_EQ(restored.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(restored.status().message()), HasSubstr("rsg.db"));
  EXPECT_FALSE(fs::exists(restored_));
}

TEST_F(Backup, DamagedBackupIsRefused) {
  MakeBackup();
  const fs::path file = backup_ / "rsg.db";
  const std::string sound = *ReadFile(file);
  std::string zeroed = sound;
  ASSERT_GT(zeroed.size(), 5U * 4096);
  zeroed.replace(4096, 4 * 4096, 4 * 4096, '\0');
  for (const std::string& damaged : {zeroed, sound.substr(0, sound.size() / 2), std::string("no database at all")}) {
    Write(file, damaged);
    EXPECT_EQ(Restore(backup_, restored_).status().code(), absl::StatusCode::kDataLoss) << damaged.size();
    EXPECT_FALSE(fs::exists(restored_));
  }
}

TEST_F(Backup, NewerBackupIsRefused) {
  MakeBackup();
  Execute(backup_ / "rsg.db", "PRAGMA user_version = 9999");
  const auto restored = Restore(backup_, restored_);
  EXPECT_EQ(restored.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(restored.status().message()), HasSubstr("9999"));
  EXPECT_FALSE(fs::exists(restored_));
}

TEST_F(Backup, StateFolderInUseIsLeftAlone) {
  MakeBackup();
  ASSERT_TRUE(MakeStateFolder(restored_).ok());
  {
    const auto lock = FileLock::Acquire(restored_ / "lock");
    ASSERT_TRUE(lock.ok());
    const auto restored = Restore(backup_, restored_);
    EXPECT_EQ(restored.status().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(std::string(restored.status().message()), HasSubstr("another rsg program"));
  }
  const auto restored = Restore(backup_, state());
  EXPECT_EQ(restored.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(restored.status().message()), HasSubstr("--state"));
  EXPECT_EQ(*ReadFile(state() / "wandb-key"), "content of wandb-key");
}

TEST_F(Backup, JournalOfAnotherDatabaseIsNotPlayedIntoTheRestoredOne) {
  MakeBackup();
  ASSERT_TRUE(MakeStateFolder(restored_).ok());
  for (const char* left : {"rsg.db-wal", "rsg.db-shm", "rsg.db-journal"}) {
    Write(restored_ / left, "of a coordinator that was killed");
    const auto restored = Restore(backup_, restored_);
    EXPECT_EQ(restored.status().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(std::string(restored.status().message()), HasSubstr(left));
    EXPECT_FALSE(fs::exists(restored_ / "rsg.db"));
    fs::remove(restored_ / left);
  }
  EXPECT_TRUE(Restore(backup_, restored_).ok());
}

// The original may have gone on after the backup, and W&B knows its later sweeps by the numbers that come again.
TEST_F(Backup, RestoredDatabaseNamesItsRunsInWandbAnew) {
  MakeBackup();
  Execute(database_,
          "INSERT INTO wandb_runs (sweep, job, entity, project, run_id, phase, machine, agent, opened_unix) VALUES "
          "(1, 3, 'us', 'gpus', 's1-3-known', 'DONE', '{}', 'a', 1), "
          "(1, 3, 'us', 'other', 's1-3-known', 'STREAMING', '{}', 'a', 1)");
  Execute(database_, "UPDATE wandb_runs SET lines_sent = 7, storage_id = 'at W&B' WHERE project = 'other'");
  fs::remove_all(backup_);
  ASSERT_TRUE(BackUp(state(), backup_, true).ok());
  ASSERT_TRUE(Restore(backup_, restored_).ok());
  const std::string original = AskOne("SELECT id FROM wandb_database");
  EXPECT_EQ(original.size(), 32U);
  database_ = restored_ / "rsg.db";
  EXPECT_NE(AskOne("SELECT id FROM wandb_database"), original);
  EXPECT_EQ(AskOne("SELECT count(*) FROM wandb_database"), "1");
  EXPECT_EQ(AskOne("SELECT run_id FROM wandb_runs WHERE project = 'gpus'"), "s1-3-known") << "it is whole there";
  EXPECT_THAT(AskOne("SELECT run_id FROM wandb_runs WHERE project = 'other'"), testing::StartsWith("s1-3-known-r"))
      << "since the backup it may have gone on";
  EXPECT_EQ(AskOne("SELECT phase || lines_sent || storage_id FROM wandb_runs WHERE project = 'other'"), "NEW0");
}

TEST_F(Backup, InterruptedRestoreIsRepeated) {
  MakeBackup();
  fs::create_directories(restored_ / "tls");
  Write(restored_ / "tls/ca.key", "half a k");
  Write(restored_ / "rsg.db.partial", "half a database");
  fs::permissions(restored_, fs::perms::owner_all);
  const auto copied = Restore(backup_, restored_);
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(*ReadFile(restored_ / "tls/ca.key"), "content of tls/ca.key");
  EXPECT_FALSE(fs::exists(restored_ / "rsg.db.partial"));
  database_ = restored_ / "rsg.db";
  EXPECT_TRUE(OpenStore());
}

}  // namespace
}  // namespace rsg::server
