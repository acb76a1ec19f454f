#include "agent/trainer/interrupt.hpp"

#include <csignal>

namespace rsg::trainer {
namespace {

std::atomic<int> signal_seen{0};
static_assert(std::atomic<int>::is_always_lock_free, "set by a signal handler");

void Note(int number) { signal_seen.store(number, std::memory_order_relaxed); }

}  // namespace

void CatchSignals() {
  struct sigaction action {};
  action.sa_handler = Note;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

const std::atomic<int>& InterruptingSignal() { return signal_seen; }

}  // namespace rsg::trainer
