// Which files Store and Reader open, and that they leave the others as they are.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "coordinator/store/schema.hpp"
#include "fixture.hpp"

namespace rsg::store {
namespace {

using namespace schedule;

class OpenTest : public StoreTest {
 protected:
  /// Makes or changes the database by hand.
  void Execute(const std::string& sql) {
    auto connection = Connection::Open(database_, Connection::Access::kWrite);
    ASSERT_TRUE(connection.ok()) << connection.status();
    const auto done = connection->Execute(sql, "prepare the test");
    ASSERT_TRUE(done.ok()) << done;
  }

  std::string Bytes() const {
    std::ifstream file(database_, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
  }

  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) names.push_back(entry.path().filename());
    return names;
  }

  /// Both refuse with this code and text, and neither changes a byte.
  void ExpectUntouched(absl::StatusCode code, const std::vector<std::string>& texts) {
    const auto bytes = Bytes();
    const auto files = Files();
    const auto store = Store::Open(database_);
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.status().code(), code) << store.status();
    for (const auto& text : texts) EXPECT_NE(store.status().ToString().find(text), std::string::npos) << store.status();
    EXPECT_EQ(Bytes(), bytes);
    EXPECT_EQ(Files(), files);
    const auto reader = Reader::Open(database_);
    EXPECT_EQ(reader.status().code(), code) << reader.status();
    EXPECT_EQ(Bytes(), bytes);
  }
};

TEST_F(OpenTest, ANewerDatabaseIsRefusedAndUntouched) {
  OpenStore().reset();
  const auto newest = Migrations().size();
  Execute(absl::StrCat("CREATE TABLE of_the_future (x); PRAGMA user_version = ", newest + 8));
  ExpectUntouched(absl::StatusCode::kFailedPrecondition,
                  {absl::StrCat("version ", newest + 8), absl::StrCat("up to ", newest), database_.string(), "newer"});
}

TEST_F(OpenTest, AnotherProgramsDatabaseIsRefusedAndUntouched) {
  Execute("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')");
  ExpectUntouched(absl::StatusCode::kFailedPrecondition, {"another program", database_.string()});
  Execute("PRAGMA application_id = 77; PRAGMA user_version = 1");
  ExpectUntouched(absl::StatusCode::kFailedPrecondition, {"another program", "77"});
}

TEST_F(OpenTest, WhatIsNoDatabaseIsRefusedAndUntouched) {
  std::ofstream(database_) << std::string(8192, 'x');
  ExpectUntouched(absl::StatusCode::kDataLoss, {database_.string(), "no SQLite database"});
}

TEST_F(OpenTest, AnEmptyFileBecomesADatabase) {
  std::ofstream(database_).flush();
  EXPECT_EQ(Reader::Open(database_).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(OpenStore()->Apply(BaseChanges()).ok());
  EXPECT_EQ(AskOne("PRAGMA user_version"), absl::StrCat(Migrations().size()));
  EXPECT_EQ(AskOne("PRAGMA application_id"), absl::StrCat(kApplicationId));
}

TEST_F(OpenTest, AMissingDatabaseOrFolderIsNamed) {
  const auto reader = Reader::Open(database_);
  EXPECT_EQ(reader.status().code(), absl::StatusCode::kNotFound) << reader.status();
  EXPECT_FALSE(std::filesystem::exists(database_));
  const auto store = Store::Open(folder_ / "absent" / "rsg.db");
  EXPECT_EQ(store.status().code(), absl::StatusCode::kNotFound) << store.status();
  EXPECT_NE(store.status().ToString().find("absent/rsg.db"), std::string::npos);
}

TEST_F(OpenTest, OpeningAgainKeepsWhatIsThere) {
  ASSERT_TRUE(OpenStore()->Apply(BaseChanges()).ok());
  auto before = Text(*OpenStore()->Load());
  EXPECT_EQ(Text(*OpenStore()->Load()), before);
  EXPECT_EQ(AskOne("PRAGMA journal_mode"), "wal");
}

TEST_F(OpenTest, AFolderWithStrangeLettersWorks) {
  database_ = folder_ / "a?b#c%20 d" / "rsg.db";
  std::filesystem::create_directory(database_.parent_path());
  EXPECT_TRUE(OpenStore()->Apply(BaseChanges()).ok());
  EXPECT_EQ(OpenReader()->ListSweeps(10)->size(), 1U);
}

// A page in the middle overwritten: whoever meets it says so, and nobody crashes.
TEST_F(OpenTest, ADamagedDatabaseIsCalledDamaged) {
  auto store = OpenStore();
  ASSERT_TRUE(store->Apply(BaseChanges()).ok());
  Changes jobs;
  for (std::int64_t job = 3; job < 2000; ++job) jobs.push_back(PutJob{JobOf(1, job)});
  ASSERT_TRUE(store->Apply(jobs).ok());
  store.reset();
  const auto size = std::filesystem::file_size(database_);
  ASSERT_GT(size, 100U * 4096);
  const int fd = open(database_.c_str(), O_RDWR | O_CLOEXEC);
  const std::string garbage(4096, '\xfe');
  for (std::uintmax_t at = 40 * 4096; at + 4096 <= size; at += 4096) pwrite(fd, garbage.data(), garbage.size(), at);
  close(fd);

  auto opened = Store::Open(database_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const auto loaded = (*opened)->Load();
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kDataLoss) << loaded.status();
  EXPECT_NE(loaded.status().ToString().find("damaged"), std::string::npos) << loaded.status();
  EXPECT_EQ(OpenReader()->FindSweep(1).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(OpenTest, AWordThatMeansNothingIsDataLoss) {
  ASSERT_TRUE(OpenStore()->Apply(BaseChanges()).ok());
  Execute("UPDATE jobs SET state = 'ENDED', outcome = 'EXPLODED' WHERE job = 2");
  const auto loaded = OpenStore()->Load();
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kDataLoss) << loaded.status();
  EXPECT_NE(loaded.status().ToString().find("EXPLODED"), std::string::npos) << loaded.status();
}

TEST_F(OpenTest, AnUnwritableDatabaseIsNamed) {
  OpenStore().reset();
  const auto answer = InChild([this]() -> std::string {
    if (geteuid() == 0) {
      if (chmod(folder_.c_str(), 0755) != 0 || chmod(database_.c_str(), 0644) != 0) return "chmod";
      if (seteuid(65534) != 0) return "seteuid";
    } else if (chmod(database_.c_str(), 0444) != 0) {
      return "chmod";
    }
    const auto store = Store::Open(database_);
    if (store.status().code() != absl::StatusCode::kPermissionDenied) return store.status().ToString();
    return store.status().ToString().find(database_.string()) == std::string::npos ? "no path" : "";
  });
  EXPECT_EQ(answer, "");
}

TEST_F(OpenTest, ASecondWriterIsKeptOutByTheLock) {
  auto store = OpenStore();
  auto other = Connection::Open(database_, Connection::Access::kWrite);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(other->Execute("PRAGMA busy_timeout = 0; BEGIN IMMEDIATE", "hold the lock").ok());
  auto third = Connection::Open(database_, Connection::Access::kWrite);
  ASSERT_TRUE(third.ok());
  const auto refused = third->Execute("PRAGMA busy_timeout = 0; BEGIN IMMEDIATE", "begin");
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
  other->Rollback();
  EXPECT_TRUE(store->Apply(BaseChanges()).ok());
}

}  // namespace
}  // namespace rsg::store
