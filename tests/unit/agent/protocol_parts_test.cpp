// The small parts: spool, text, settings, classes of failure.
#include <gmock/gmock.h>

#include <cmath>

#include "agent/protocol/backoff.hpp"
#include "agent/protocol/settings.hpp"
#include "agent/protocol/spool.hpp"
#include "agent/protocol/text.hpp"
#include "machine_driver.hpp"

namespace rsg::agent {
namespace {

std::vector<std::uint32_t> Take(Spool* spool, std::uint32_t most) {
  v1::WindowBatch batch;
  spool->Take(most, &batch);
  std::vector<std::uint32_t> sequences;
  for (const v1::Window& window : batch.windows()) sequences.push_back(window.sequence());
  return sequences;
}

TEST(Spool, KeepsWhatIsNotAckedInOrderAndBounded) {
  Spool spool(5);
  for (std::uint32_t i = 1; i <= 5; ++i) EXPECT_TRUE(spool.Add(GoodWindow(i)));
  EXPECT_FALSE(spool.Add(GoodWindow(6)));
  EXPECT_EQ(Take(&spool, 3), (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(spool.in_flight(), 3u);
  EXPECT_TRUE(spool.Ack(2));
  EXPECT_EQ(Take(&spool, 3), (std::vector<std::uint32_t>{4, 5}));
  EXPECT_TRUE(spool.Add(GoodWindow(6)));
  EXPECT_FALSE(spool.Ack(7));
  EXPECT_TRUE(spool.Ack(6));
  EXPECT_TRUE(spool.delivered());
}

TEST(Spool, RewindsToWhatTheOtherSideHas) {
  Spool spool(10);
  for (std::uint32_t i = 1; i <= 6; ++i) spool.Add(GoodWindow(i));
  Take(&spool, 6);
  spool.Ack(2);
  EXPECT_TRUE(spool.Rewind(4));
  EXPECT_EQ(Take(&spool, 9), (std::vector<std::uint32_t>{5, 6}));
  EXPECT_FALSE(spool.Rewind(3)) << "window 4 is no longer here";
  EXPECT_EQ(spool.final_sequence(), 3u);
  EXPECT_TRUE(spool.delivered());
}

TEST(Text, CleansWhatIsNotUtf8OrNotPrintable) {
  EXPECT_EQ(CleanText("plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\n\t"),
            "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\n\t");
  EXPECT_EQ(CleanText("a\xff\x62"), "a?b");
  EXPECT_EQ(CleanText("\xc0\xaf"), "??") << "overlong";
  EXPECT_EQ(CleanText("\xed\xa0\x80"), "???") << "surrogate";
  EXPECT_EQ(CleanText("\xe2\x82"), "??") << "cut off";
  EXPECT_EQ(CleanText("\x1b[31m"), "?[31m");
  EXPECT_EQ(CleanText("10%\r20%\r\n"), "10%\n20%\n");
}

TEST(Text, CutsBetweenCharacters) {
  EXPECT_EQ(CleanHead("\xe2\x82\xac\xe2\x82\xac", 5), "\xe2\x82\xac");
  EXPECT_EQ(CleanTail("\xe2\x82\xac\xe2\x82\xac", 5), "\xe2\x82\xac");
  EXPECT_EQ(CleanHead("short", 100), "short");
  EXPECT_EQ(CleanTail("the end", 3), "end");
}

TEST(Text, NamesSignals) {
  EXPECT_EQ(SignalName(9), "SIGKILL (9)");
  EXPECT_EQ(SignalName(11), "SIGSEGV (11)");
  EXPECT_EQ(SignalName(9999), "signal 9999");
}

TEST(Settings, NonsenseIsReplacedOrBounded) {
  v1::Settings wild;
  wild.set_heartbeat_seconds(std::nan(""));
  wild.set_flush_seconds(-1);
  wild.set_kill_after_seconds(1e300);
  wild.set_max_unacked(4'000'000'000u);
  wild.set_max_spooled_windows(4'000'000'000u);
  const v1::Settings safe = Sanitize(wild);
  EXPECT_EQ(safe.heartbeat_seconds(), DefaultSettings().heartbeat_seconds());
  EXPECT_EQ(safe.flush_seconds(), DefaultSettings().flush_seconds());
  EXPECT_LE(safe.kill_after_seconds(), 3600);
  EXPECT_LE(safe.max_unacked(), 1024u);
  EXPECT_LE(safe.max_spooled_windows(), 1'000'000u);
}

TEST(Classify, ToldApart) {
  EXPECT_EQ(Classify(absl::UnauthenticatedError("x")), LinkLoss::kRefused);
  EXPECT_EQ(Classify(absl::PermissionDeniedError("token used up")), LinkLoss::kRefused);
  EXPECT_EQ(Classify(absl::FailedPreconditionError("x")), LinkLoss::kMismatch);
  EXPECT_EQ(Classify(absl::AbortedError("x")), LinkLoss::kSuperseded);
  EXPECT_EQ(Classify(absl::InvalidArgumentError("x")), LinkLoss::kMalformed);
  EXPECT_EQ(Classify(absl::UnavailableError("Connection refused")), LinkLoss::kUnreachable);
  EXPECT_EQ(Classify(absl::UnavailableError("Ssl handshake failed: certificate verify failed")), LinkLoss::kUntrusted);
  EXPECT_EQ(Classify(absl::CancelledError("x")), LinkLoss::kUnreachable);
}

}  // namespace
}  // namespace rsg::agent
