// What the kernel says of this process.
#pragma once
#include <optional>

namespace rsg::web {

struct ProcessFigures {
  double resident_bytes = 0;
  double cpu_seconds = 0;  ///< user and system, of all threads
  double open_files = 0;
  double most_files = 0;  ///< the limit
};

/// From /proc/self; nothing where that cannot be read.
std::optional<ProcessFigures> ReadProcess();

}  // namespace rsg::web
