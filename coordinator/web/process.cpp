#include "coordinator/web/process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace rsg::web {

std::optional<ProcessFigures> ReadProcess() {
  double pages = 0;
  double resident_pages = 0;
  std::ifstream memory("/proc/self/statm");
  if (!(memory >> pages >> resident_pages)) return std::nullopt;
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  if (error) return std::nullopt;
  rusage usage{};
  rlimit limit{};
  if (getrusage(RUSAGE_SELF, &usage) != 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return ProcessFigures{.resident_bytes = resident_pages * static_cast<double>(sysconf(_SC_PAGESIZE)),
                        .cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime),
                        .open_files = static_cast<double>(std::distance(files, {}) - 1),  // one is the iterator's own
                        .most_files = static_cast<double>(limit.rlim_cur)};
}

}  // namespace rsg::web
