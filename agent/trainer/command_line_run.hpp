// The options of verb `run` (and those of them that others share): as they are written, and what they mean.
#pragma once
#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/trainer/command_line.hpp"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// Options as they are written; checked afterwards, so that errors read the same everywhere.
struct RunWords {
  std::string model;
  std::string script;
  std::string name;
  std::string input_shape;
  std::uint32_t batch_size = 0;
  std::optional<std::uint32_t> image_size;
  std::string precision;
  bool fp16 = false;
  std::string memory_format;
  std::string mode = "standard";
  std::string device;
  std::string target;
  std::string seconds;
  std::optional<std::uint32_t> n_batches;
  std::string max_seconds;
  std::optional<std::uint32_t> memory_limit;
  std::optional<int> json_lines;
  std::string soak;
  std::string thermal_gate;
  std::uint64_t seed = 0;
  std::optional<double> peak_flops;
  std::string probe_cache;
};

void AddRunOptions(CLI::App* run, RunWords* words);

/// Checks, reads a script's file for its hash, and fills what verb run needs. INVALID_ARGUMENT: "option: value is
/// wrong; remedy".
absl::Status FillRun(const RunWords& words, CommandLine* line);

/// What --precision and --fp16 say together; FP32 when they say nothing.
absl::StatusOr<v1::Precision> PrecisionOf(const RunWords& words);

}  // namespace rsg::trainer
