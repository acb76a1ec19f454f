#include "agent/trainer/check.hpp"

#include <cstdio>
#include <string>

#include "agent/trainer/check/check.hpp"
#include "agent/trainer/training/failure.hpp"

namespace rsg::trainer {

int ShowCheck(const CommandLine& line) {
  const CheckRequest request{.model = line.cell.model(),
                             .batch_size = line.cell.batch_size(),
                             .image_size = line.cell.image_size(),
                             .seed = line.seed};
  try {
    std::printf("%s\n", CheckJson(request, RunCheck(request)).c_str());
    return kExitDone;
  } catch (...) {
    const absl::Status status = StatusOfException();
    std::fprintf(stderr, "rsg-trainer: %s\n", std::string(status.message()).c_str());
    return ExitCodeOf(status);
  }
}

}  // namespace rsg::trainer
