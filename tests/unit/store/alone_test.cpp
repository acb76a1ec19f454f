// Readers beside a writer, after one, and without one.
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "fixture.hpp"

namespace rsg::store {
namespace {

using namespace schedule;

using AloneTest = StoreTest;

bool Exists(const std::filesystem::path& database, const char* suffix) {
  return std::filesystem::exists(database.string() + suffix);
}

TEST_F(AloneTest, ACleanEndLeavesOneFile) {
  auto store = OpenStore();
  ASSERT_TRUE(store->Apply(BaseChanges()).ok());
  EXPECT_TRUE(Exists(database_, "-wal"));
  store.reset();
  EXPECT_FALSE(Exists(database_, "-wal"));
  EXPECT_FALSE(Exists(database_, "-shm"));
  EXPECT_EQ(OpenReader()->FindSweep(1)->jobs.size(), 2U);
  EXPECT_EQ(OpenStore()->Load()->jobs.size(), 2U);  // what the reader left behind is no obstacle
}

TEST_F(AloneTest, AReaderSeesWhatACrashedWriterLeftInTheWal) {
  const auto answer = InChild([this]() -> std::string {
    auto store = Store::Open(database_);
    if (!store.ok() || !(*store)->Apply(BaseChanges()).ok()) return "not stored";
    (void)store->release();
    return "";
  });
  ASSERT_EQ(answer, "");
  ASSERT_TRUE(Exists(database_, "-wal"));
  EXPECT_EQ(OpenReader()->FindSweep(1)->jobs.size(), 2U);
  std::filesystem::remove(database_.string() + "-shm");
  EXPECT_EQ(OpenReader()->FindSweep(1)->jobs.size(), 2U);
}

TEST_F(AloneTest, AReaderOpenBesideTheClosingWriterGoesOn) {
  auto store = OpenStore();
  auto reader = OpenReader();
  ASSERT_TRUE(store->Apply(BaseChanges()).ok());
  EXPECT_EQ(reader->FindSweep(1)->jobs.size(), 2U);
  store.reset();
  EXPECT_EQ(reader->FindSweep(1)->jobs.size(), 2U);
  store = OpenStore();
  ASSERT_TRUE(store->Apply(Changes{PutJob{JobOf(1, 3)}}).ok());
  EXPECT_EQ(reader->FindSweep(1)->jobs.size(), 3U);
}

TEST_F(AloneTest, AFolderThatMayNotBeWrittenCanBeRead) {
  ASSERT_TRUE(OpenStore()->Apply(BaseChanges()).ok());
  ASSERT_FALSE(Exists(database_, "-wal"));
  const auto answer = InChild([this]() -> std::string {
    if (chmod(database_.c_str(), 0444) != 0 || chmod(folder_.c_str(), 0555) != 0) return "chmod";
    if (geteuid() == 0 && seteuid(65534) != 0) return "seteuid";
    auto reader = Reader::Open(database_);
    if (!reader.ok()) return reader.status().ToString();
    const auto found = (*reader)->FindSweep(1);
    if (!found.ok()) return found.status().ToString();
    return found->jobs.size() == 2 ? "" : "other jobs";
  });
  EXPECT_EQ(answer, "");
  EXPECT_FALSE(Exists(database_, "-shm"));
  chmod(folder_.c_str(), 0755);
}

// Each answer is one moment of the database: the windows of an attempt and its number, written together, agree.
TEST_F(AloneTest, ReadersSeeWholeTransactionsWhileTheWriterWrites) {
  auto store = OpenStore();
  auto running = JobOf(1, 1);
  running.attempts = 1;
  running.state = v1::JOB_STATE_RUNNING;
  ASSERT_TRUE(store->Apply(BaseChanges()).ok());
  ASSERT_TRUE(store->Apply(Changes{PutJob{running}}).ok());
  std::atomic<bool> stop = false;
  std::atomic<int> answers = 0;
  std::string wrong;
  std::thread asking([&] {
    auto reader = Reader::Open(database_);
    if (!reader.ok()) wrong = reader.status().ToString();
    while (reader.ok() && wrong.empty() && !stop) {
      const auto page = (*reader)->JobsPage(1, 0, 10);
      if (!page.ok()) {
        wrong = page.status().ToString();
      } else {
        const auto& job = page->jobs.at(0);
        if (job.windows_stored() % 5 != 0) wrong = "half a transaction";
        if ((job.windows_stored() > 0) != job.has_throughput()) wrong = "windows and their number differ";
      }
      ++answers;
    }
  });
  std::uint32_t done = 0;
  while (done < 500 || answers < 20) {
    const auto status = store->Apply(Changes{AppendWindows{{{1, 1}, 1}, kLease, WindowsOf(done + 1, done + 2)},
                                             AppendWindows{{{1, 1}, 1}, kLease, WindowsOf(done + 3, done + 5)}});
    ASSERT_TRUE(status.ok()) << status;
    done += 5;
    if (done > 200000) break;
  }
  stop = true;
  asking.join();
  EXPECT_EQ(wrong, "");
  EXPECT_GE(answers, 20);
}

}  // namespace
}  // namespace rsg::store
