// Runs rsg-trainer for tests: arguments in, output and exit code out.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace rsg::trainer {

struct Ended {
  int exit_code = -1;  ///< 128 + signal when a signal killed it
  std::string out;
  std::string err;
  std::string events;  ///< what came over descriptor 3
};

/// Told of each chunk that comes over descriptor 3; false closes the reading end.
using OnEvent = std::function<bool(int pid)>;

/// Runs the trainer with `arguments` until it ends; killed after 30 s.
Ended RunTrainer(const std::vector<std::string>& arguments, const OnEvent& on_event = {});

}  // namespace rsg::trainer
