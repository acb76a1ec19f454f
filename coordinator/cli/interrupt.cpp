#include "coordinator/cli/interrupt.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace rsg::cli {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};

// A signal handler can reach nothing but globals.
std::atomic<int> signal_count{0};
std::atomic<int> signal_fd{-1};

void Count(int) {
  const int error = errno;
  signal_count.fetch_add(1);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(signal_fd.load(), &one, sizeof one);
  errno = error;
}

}  // namespace

Interrupts::Interrupts() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  signal_count = 0;
  signal_fd = fd;
  for (const int signal : kSignals) {
    struct sigaction action {};
    action.sa_handler = Count;
    sigemptyset(&action.sa_mask);
    struct sigaction before {};
    sigaction(signal, nullptr, &before);
    // Under nohup a hangup stays ignored.
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
    before_.push_back(before);
  }
}

Interrupts::~Interrupts() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  close(signal_fd.exchange(-1));
}

int Interrupts::count() const { return signal_count.load(); }
int Interrupts::fd() const { return signal_fd.load(); }

void WaitReadable(std::initializer_list<int> descriptors, double seconds) {
  std::vector<pollfd> entries;
  for (const int fd : descriptors) entries.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  poll(entries.data(), entries.size(), static_cast<int>(seconds * 1000 + 0.999));
}

}  // namespace rsg::cli
