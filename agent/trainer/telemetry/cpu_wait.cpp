#include "agent/trainer/telemetry/cpu_wait.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <system_error>

namespace rsg::trainer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBytes = 128;
// Threads of a parallel loop start with the first step and stay.
constexpr std::size_t kReadingsBetweenLooks = 10;

class WaitingReader final : public Reader {
 public:
  WaitingReader(std::unique_ptr<Reader> reader, std::string tasks)
      : reader_(std::move(reader)), wait_(std::move(tasks)) {}
  Reading Read() override {
    Reading reading = reader_->Read();
    reading.cpu_wait_seconds = wait_.Read();
    return reading;
  }
  v1::DeviceLimits Limits() override { return reader_->Limits(); }

 private:
  const std::unique_ptr<Reader> reader_;
  CpuWait wait_;
};

}  // namespace

std::optional<double> WaitIn(std::string_view schedstat) {
  constexpr double kNanosecond = 1e-9;
  if (schedstat.starts_with("0 ")) return std::nullopt;
  const std::size_t second = schedstat.find(' ');
  if (second == std::string_view::npos) return std::nullopt;
  schedstat.remove_prefix(second + 1);
  std::uint64_t waited = 0;
  const auto [end, error] = std::from_chars(schedstat.data(), schedstat.data() + schedstat.size(), waited);
  if (error != std::errc() || end == schedstat.data() + schedstat.size() || *end != ' ') return std::nullopt;
  return static_cast<double>(waited) * kNanosecond;
}

std::optional<double> CpuWait::Read() {
  std::string buffer;
  double longest = 0;
  for (auto it = threads_.begin(); it != threads_.end();) {
    const auto waited = WaitIn(it->second.schedstat.Read(kMostBytes, &buffer));
    if (!waited) {  // it has ended
      it = threads_.erase(it);
      continue;
    }
    longest = std::max(longest, *waited - it->second.waited);
    it->second.waited = *waited;
    ++it;
  }
  seconds_ += longest;
  if (calls_++ % kReadingsBetweenLooks == 0) FindThreads();
  return threads_.empty() ? std::nullopt : std::optional(seconds_);
}

void CpuWait::FindThreads() {
  std::error_code error;
  for (fs::directory_iterator it(tasks_, error), end; !error && it != end && threads_.size() < kMostThreads;
       it.increment(error)) {
    const std::string id = it->path().filename().string();
    if (threads_.contains(id)) continue;
    Thread thread{.schedstat = KernelFile((it->path() / "schedstat").string())};
    std::string buffer;
    const auto waited = WaitIn(thread.schedstat.Read(kMostBytes, &buffer));
    if (!waited) continue;
    thread.waited = *waited;
    threads_.emplace(id, std::move(thread));
  }
}

std::unique_ptr<Reader> WithCpuWait(std::unique_ptr<Reader> reader, std::string tasks) {
  return std::make_unique<WaitingReader>(std::move(reader), std::move(tasks));
}

}  // namespace rsg::trainer
