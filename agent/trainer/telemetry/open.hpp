// Which reader a run has.
#pragma once
#include <memory>
#include <string>

#include "agent/trainer/telemetry/reader.hpp"

namespace rsg::trainer {

struct OpenedReader {
  std::unique_ptr<Reader> reader;  ///< never null
  bool of_gpu = false;             ///< whose state was asked for
  std::string note{};              ///< why a GPU's state cannot be read; empty otherwise
};

/// For a GPU by its UUID: NVML, or the CPU's frequency and load where that is not to be had. For the CPU (an empty
/// UUID): the latter. With either, how long this process waits for CPUs. Two environment variables, for tests and for
/// drivers that lie in unusual places: RSG_NVML is the library's path, RSG_NVML_DEVICE the UUID of the GPU to read
/// whatever the run trains on. Not thread-safe.
OpenedReader OpenReader(const std::string& gpu_uuid);

}  // namespace rsg::trainer
