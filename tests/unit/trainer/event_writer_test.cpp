#include "agent/trainer/report/event_writer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "common/json.hpp"

namespace rsg::trainer {
namespace {

struct Pipe {
  Pipe() { EXPECT_EQ(pipe(fds), 0); }
  ~Pipe() {
    close(fds[0]);
    close(fds[1]);
  }
  int fds[2];
};

v1::TrainerEvent Event(std::uint32_t sequence) {
  v1::TrainerEvent event;
  event.mutable_window()->set_sequence(sequence);
  return event;
}

TEST(EventWriter, WritesOneLineAnEvent) {
  Pipe pipe;
  EventWriter writer(pipe.fds[1]);
  ASSERT_TRUE(writer.Write(Event(1)).ok());
  ASSERT_TRUE(writer.Write(Event(2)).ok());
  char buffer[4096];
  const ssize_t got = read(pipe.fds[0], buffer, sizeof buffer);
  ASSERT_GT(got, 0);
  const std::string text(buffer, static_cast<std::size_t>(got));
  const auto end = text.find('\n');
  v1::TrainerEvent event;
  ASSERT_TRUE(FromJson(text.substr(0, end), &event, /*ignore_unknown=*/false).ok());
  EXPECT_EQ(event.window().sequence(), 1u);
  EXPECT_EQ(text.find('\n', end + 1), text.size() - 1);
}

TEST(EventWriter, WithoutADescriptorItIsSilent) { EXPECT_TRUE(EventWriter(-1).Write(Event(1)).ok()); }

TEST(EventWriter, SaysThatNobodyReads) {
  std::signal(SIGPIPE, SIG_IGN);
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  close(fds[0]);
  EXPECT_EQ(EventWriter(fds[1]).Write(Event(1)).code(), absl::StatusCode::kUnavailable);
  close(fds[1]);
}

TEST(EventWriter, LosesNothingOnAFullNonBlockingPipe) {
  constexpr std::uint32_t kEvents = 3000;  // a few times what a pipe holds
  Pipe pipe;
  fcntl(pipe.fds[1], F_SETFL, O_NONBLOCK);
  std::size_t lines = 0;
  std::thread reader([&] {
    char buffer[1000];
    while (lines < kEvents) {
      const ssize_t got = read(pipe.fds[0], buffer, sizeof buffer);
      if (got <= 0) break;
      for (ssize_t i = 0; i < got; ++i) lines += buffer[i] == '\n';
    }
  });
  EventWriter writer(pipe.fds[1]);
  bool all = true;
  for (std::uint32_t i = 1; i <= kEvents; ++i) all = writer.Write(Event(i)).ok() && all;
  reader.join();
  EXPECT_TRUE(all);
  EXPECT_EQ(lines, kEvents);
}

}  // namespace
}  // namespace rsg::trainer
