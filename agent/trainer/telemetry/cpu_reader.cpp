#include "agent/trainer/telemetry/cpu_reader.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/trainer/telemetry/kernel_file.hpp"

namespace rsg::trainer {
namespace {

constexpr std::size_t kMostFrequencyFiles = 16;  // each is a file; all of a large machine's would take milliseconds
constexpr std::size_t kMostBytes = 1 << 20;      // /proc/cpuinfo has about 1.5 KiB a CPU

std::string_view NextLine(std::string_view* text) {
  const std::string_view line = text->substr(0, text->find('\n'));
  text->remove_prefix(std::min(text->size(), line.size() + 1));
  return line;
}

// The number that the text begins with, blanks aside.
std::optional<double> Number(std::string_view text) {
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(" \t")));
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<double> ValueOf(std::string_view line, std::string_view key) {
  if (!line.starts_with(key)) return std::nullopt;
  const auto colon = line.find(':');
  return colon == std::string_view::npos ? std::nullopt : Number(line.substr(colon + 1));
}

std::vector<int> EvenlyChosen(const std::vector<int>& cpus) {
  const std::size_t count = std::min(cpus.size(), kMostFrequencyFiles);
  std::vector<int> chosen;
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(cpus[i * cpus.size() / count]);
  return chosen;
}

class CpuReader final : public Reader {
 public:
  CpuReader(const std::string& root, const std::vector<int>& cpus) : cpus_(cpus), stat_(root + "/proc/stat") {
    for (const int cpu : EvenlyChosen(cpus)) {
      KernelFile file(absl::StrCat(root, "/sys/devices/system/cpu/cpu", cpu, "/cpufreq/scaling_cur_freq"));
      if (file.exists()) frequencies_.push_back(std::move(file));
    }
    if (frequencies_.empty()) cpuinfo_.emplace(root + "/proc/cpuinfo");
  }

  Reading Read() override {
    constexpr std::size_t kFirstLine = 256;
    Reading reading;
    reading.cpu_mhz = Frequency();
    if (reading.cpu_mhz && !(*reading.cpu_mhz <= kMostPlausible)) reading.cpu_mhz.reset();
    reading.cpu_time = CpuTimeIn(stat_.Read(kFirstLine, &buffer_));
    return reading;
  }

  v1::DeviceLimits Limits() override { return {}; }

 private:
  std::optional<double> Frequency() {
    constexpr double kKiloHertz = 1e-3;  // what cpufreq counts in, to MHz
    constexpr std::size_t kOneNumber = 32;
    if (cpuinfo_) return MeanMhzIn(cpuinfo_->Read(kMostBytes, &buffer_), cpus_);
    double sum = 0;
    std::size_t count = 0;
    for (const KernelFile& file : frequencies_) {
      const auto kilohertz = Number(file.Read(kOneNumber, &buffer_));
      if (!kilohertz) continue;
      sum += *kilohertz * kKiloHertz;
      ++count;
    }
    if (count == 0) return std::nullopt;
    return sum / static_cast<double>(count);
  }

  const std::vector<int> cpus_;
  const KernelFile stat_;
  std::vector<KernelFile> frequencies_;
  std::optional<KernelFile> cpuinfo_;  // where there is no cpufreq
  std::string buffer_;
};

}  // namespace

std::optional<Reading::CpuTime> CpuTimeIn(std::string_view stat) {
  // cpu user nice system idle iowait irq softirq steal guest guest_nice; user and nice hold the guests' already.
  constexpr int kIdle = 3;
  constexpr int kIoWait = 4;
  constexpr int kSteal = 7;
  std::string_view line = NextLine(&stat);
  if (!line.starts_with("cpu ")) return std::nullopt;
  line.remove_prefix(4);
  Reading::CpuTime time;
  for (int field = 0; field <= kSteal; ++field) {
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
    const auto value = Number(line);
    // Kernels before 2.6.11 had no steal; four are the least.
    if (!value) return field > kIdle ? std::optional(time) : std::nullopt;
    time.total += *value;
    if (field != kIdle && field != kIoWait) time.busy += *value;
    line.remove_prefix(std::min(line.size(), line.find(' ')));
  }
  return time;
}

std::optional<double> MeanMhzIn(std::string_view cpuinfo, const std::vector<int>& cpus) {
  double sum = 0;
  int count = 0;
  bool wanted = false;
  while (!cpuinfo.empty()) {
    const std::string_view line = NextLine(&cpuinfo);
    if (const auto cpu = ValueOf(line, "processor"))
      wanted = std::binary_search(cpus.begin(), cpus.end(), static_cast<int>(*cpu));
    const auto mhz = wanted ? ValueOf(line, "cpu MHz") : std::nullopt;
    if (!mhz) continue;
    sum += *mhz;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

std::vector<int> AllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;  // more CPUs than the set can hold
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

std::unique_ptr<Reader> OpenCpuReader(const std::string& root, const std::vector<int>& cpus) {
  return std::make_unique<CpuReader>(root, cpus);
}

}  // namespace rsg::trainer
