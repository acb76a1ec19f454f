#include "common/mailbox.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace rsg {
namespace {

TEST(Mailbox, KeepsOrderAndIsBounded) {
  Mailbox<int> box(2);
  EXPECT_TRUE(box.Push(1));
  EXPECT_TRUE(box.Push(2));
  EXPECT_FALSE(box.Push(3));
  const auto taken = box.TakeAll();
  EXPECT_EQ(std::vector<int>(taken.begin(), taken.end()), (std::vector{1, 2}));
  EXPECT_TRUE(box.TakeAll().empty());
  EXPECT_TRUE(box.Push(4));
}

TEST(Mailbox, WaitReturnsWhenSomethingIsQueued) {
  Mailbox<int> box(1);
  std::thread other([&] { box.Push(7); });
  box.Wait(10);
  other.join();
  EXPECT_EQ(box.TakeAll().size(), 1u);
}

TEST(Mailbox, LosesNothingBetweenThreads) {
  Mailbox<int> box(100'000);
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i)
    writers.emplace_back([&] {
      for (int n = 0; n < 5000; ++n) box.Push(n);
    });
  std::size_t got = 0;
  while (got < 20'000) {
    box.Wait(10);
    got += box.TakeAll().size();
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(got, 20'000u);
}

}  // namespace
}  // namespace rsg
