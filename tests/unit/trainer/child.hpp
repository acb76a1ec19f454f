// Runs rsg-trainer for tests: arguments in, output and exit code out.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "rsg/v1/trainer.pb.h"

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

/// Arguments of `run` with the smallest cell of a CPU, two images, and `more`.
std::vector<std::string> Tiny(std::vector<std::string> more = {});

/// What came over descriptor 3, each line of which must be whole and valid.
std::vector<v1::TrainerEvent> EventsOf(const Ended& ended, std::uint32_t batch_size = 2);

}  // namespace rsg::trainer
