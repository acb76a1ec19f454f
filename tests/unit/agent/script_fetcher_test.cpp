#include "agent/script/script_fetcher.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <deque>

#include "agent/protocol/child_watch.hpp"
#include "common/files.hpp"
#include "common/secret.hpp"

namespace rsg::agent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A coordinator that answers what it is told to.
class FakeSource final : public ScriptSource {
 public:
  int fd() const override { return -1; }
  void Ask(const v1::FetchScriptRequest& request) override {
    EXPECT_FALSE(calling_) << "two calls at once";
    calling_ = true;
    asked.push_back(request);
  }
  void Cancel() override {
    if (calling_) End(absl::CancelledError("cut short"));
  }
  std::vector<Report> Take() override { return std::exchange(reports_, {}); }

  void Send(std::uint32_t offset, std::string_view data) {
    v1::ScriptChunk chunk;
    chunk.set_offset(offset);
    chunk.set_data(std::string(data));
    reports_.emplace_back(chunk);
  }
  void End(absl::Status status = absl::OkStatus()) {
    calling_ = false;
    reports_.emplace_back(Ended{std::move(status)});
  }
  bool ready() const { return !reports_.empty(); }
  std::vector<v1::FetchScriptRequest> asked;

 private:
  bool calling_ = false;
  std::vector<Report> reports_;
};

class ScriptFetcherTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "rsg-fetch-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    store_ = std::make_unique<ContentStore>(folder_ / "scripts", ContentStore::Limits{1 << 20, 1 << 20});
    fetcher_ = std::make_unique<ScriptFetcher>(store_.get(), &source_, [] { return 0.5; });
  }
  void TearDown() override { fs::remove_all(folder_); }

  static v1::Assign Assign(const std::string& attempt = "s1.1.1") {
    v1::Assign assign;
    assign.set_attempt_id(attempt);
    assign.set_lease_token(std::string(32, 'a'));
    assign.mutable_cell()->mutable_script()->set_sha256(Sha256Hex(kContent));
    assign.mutable_cell()->mutable_script()->set_bytes(kContent.size());
    return assign;
  }
  // Lets time pass from deadline to deadline, until it is done or `seconds` are over.
  std::optional<ScriptFetcher::Done> Pass(double seconds) {
    const double until = now_ + seconds;
    while (true) {
      if (auto done = fetcher_->Poll(now_)) return done;
      if (source_.ready()) continue;
      if (fetcher_->Deadline() > until) break;
      EXPECT_GT(fetcher_->Deadline(), now_) << "due, and nothing was done";
      now_ = std::max(now_, fetcher_->Deadline());
    }
    now_ = until;
    return std::nullopt;
  }

  static constexpr std::string_view kContent = "a module";
  fs::path folder_;
  FakeSource source_;
  std::unique_ptr<ContentStore> store_;
  std::unique_ptr<ScriptFetcher> fetcher_;
  double now_ = 100;
};

TEST_F(ScriptFetcherTest, AsksWithTheAttemptsTokenAndKeepsTheFile) {
  fetcher_->Start(Assign(), now_);
  EXPECT_FALSE(Pass(0));
  ASSERT_EQ(source_.asked.size(), 1u);
  EXPECT_EQ(source_.asked[0].attempt_id(), "s1.1.1");
  EXPECT_EQ(source_.asked[0].lease_token(), std::string(32, 'a'));
  EXPECT_EQ(source_.asked[0].sha256(), Sha256Hex(kContent));
  source_.Send(0, kContent.substr(0, 3));
  source_.Send(3, kContent.substr(3));
  source_.End();
  const auto done = Pass(0);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->attempt_id, "s1.1.1");
  ASSERT_TRUE(done->file.ok()) << done->file.status();
  EXPECT_EQ(*ReadFile(*done->file), kContent);
  EXPECT_TRUE(done->came);
  EXPECT_FALSE(fetcher_->active());
  EXPECT_EQ(fetcher_->Deadline(), kNever);
}

TEST_F(ScriptFetcherTest, WhatIsThereIsNotFetchedAgain) {
  fetcher_->Start(Assign(), now_);
  Pass(0);
  source_.Send(0, kContent);
  source_.End();
  ASSERT_TRUE(Pass(0));
  fetcher_->Start(Assign("s1.2.1"), now_);
  const auto done = Pass(0);
  ASSERT_TRUE(done && done->file.ok());
  EXPECT_FALSE(done->came);
  EXPECT_EQ(done->attempt_id, "s1.2.1");
  EXPECT_EQ(source_.asked.size(), 1u);
}

TEST_F(ScriptFetcherTest, GoesOnWhereACallBroke) {
  fetcher_->Start(Assign(), now_);
  Pass(0);
  source_.Send(0, kContent.substr(0, 3));
  source_.End(absl::UnavailableError("the connection broke"));
  EXPECT_FALSE(Pass(20));
  ASSERT_EQ(source_.asked.size(), 2u);
  EXPECT_EQ(source_.asked[1].offset(), 3u);
  source_.Send(3, kContent.substr(3));
  source_.End();
  const auto done = Pass(0);
  ASSERT_TRUE(done && done->file.ok());
}

TEST_F(ScriptFetcherTest, ASilentCallIsCutAndMadeAnew) {
  fetcher_->Start(Assign(), now_);
  EXPECT_FALSE(Pass(60));
  EXPECT_GE(source_.asked.size(), 2u);
}

TEST_F(ScriptFetcherTest, GivesUpWhenNothingComesAndSaysWhy) {
  fetcher_->Start(Assign(), now_);
  Pass(0);
  source_.End(absl::UnavailableError("no route to host"));
  std::optional<ScriptFetcher::Done> done;
  for (int call = 0; call < 10'000 && !done; ++call) {
    done = Pass(1);
    if (!done && source_.asked.size() > 1) source_.End(absl::UnavailableError("no route to host"));
  }
  ASSERT_TRUE(done);
  EXPECT_TRUE(absl::IsDeadlineExceeded(done->file.status()));
  EXPECT_THAT(std::string(done->file.status().message()), HasSubstr("no route to host"));
  EXPECT_LE(now_, 100 + 302);
}

TEST_F(ScriptFetcherTest, AnAnswerThatWillNotChangeEndsItAtOnce) {
  fetcher_->Start(Assign(), now_);
  Pass(0);
  source_.End(absl::NotFoundError("not there any more"));
  const auto done = Pass(0);
  ASSERT_TRUE(done);
  EXPECT_TRUE(absl::IsNotFound(done->file.status()));
}

TEST_F(ScriptFetcherTest, AnotherChecksumIsTriedOnceMore) {
  fetcher_->Start(Assign(), now_);
  Pass(0);
  source_.Send(0, "A MODULE");
  source_.End();
  EXPECT_FALSE(Pass(0));
  ASSERT_EQ(source_.asked.size(), 2u);
  EXPECT_EQ(source_.asked[1].offset(), 0u);
  source_.Send(0, "A MODULE");
  source_.End();
  const auto done = Pass(0);
  ASSERT_TRUE(done);
  EXPECT_TRUE(absl::IsDataLoss(done->file.status()));
  EXPECT_FALSE(store_->Has(Sha256Hex(kContent)));
}

TEST_F(ScriptFetcherTest, TheNextAttemptWaitsForTheEndOfAStoppedCall) {
  fetcher_->Start(Assign(), now_);
  Pass(0);
  source_.Send(0, kContent.substr(0, 3));
  fetcher_->Stop();
  fetcher_->Start(Assign("s1.2.1"), now_);
  EXPECT_FALSE(Pass(0));
  ASSERT_EQ(source_.asked.size(), 2u);
  EXPECT_EQ(source_.asked[1].attempt_id(), "s1.2.1");
  EXPECT_EQ(source_.asked[1].offset(), 0u) << "the piece that came late was nobody's";
}

TEST_F(ScriptFetcherTest, AFullStoreIsThisMachinesTrouble) {
  ContentStore small(folder_ / "small", ContentStore::Limits{4, 4});
  ScriptFetcher fetcher(&small, &source_, [] { return 0.5; });
  fetcher.Start(Assign(), now_);
  const auto done = fetcher.Poll(now_);
  ASSERT_TRUE(done);
  EXPECT_TRUE(absl::IsResourceExhausted(done->file.status()));
  EXPECT_TRUE(source_.asked.empty());
}

}  // namespace
}  // namespace rsg::agent
