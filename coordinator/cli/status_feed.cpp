#include "coordinator/cli/status_feed.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace rsg::cli {

StatusFeed::StatusFeed(Client* client, const std::string& sweep_id)
    : client_(client), fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  client_->Prepare(&context_, 0);
  v1::WatchSweepRequest request;
  request.set_sweep_id(sweep_id);
  reader_ = client_->stub().WatchSweep(&context_, request);
  thread_ = std::thread([this] { Run(); });
}

StatusFeed::~StatusFeed() {
  context_.TryCancel();
  thread_.join();
  close(fd_);
}

void StatusFeed::Run() {
  v1::SweepStatus status;
  while (reader_->Read(&status)) {
    const std::lock_guard lock(mutex_);
    news_.latest = status;
    Signal();
  }
  const absl::Status end = client_->Explain(reader_->Finish(), 0);
  const std::lock_guard lock(mutex_);
  news_.ended = end;
  Signal();
}

void StatusFeed::Signal() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto put = write(fd_, &one, sizeof one);
}

StatusFeed::News StatusFeed::Take() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(fd_, &count, sizeof count);
  return std::exchange(news_, {});
}

}  // namespace rsg::cli
