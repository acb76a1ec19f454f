// Where rsg-trainer is, and what it says it can do.
#pragma once
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "rsg/v1/trainer.pb.h"

namespace rsg::agent {

/// Path of rsg-trainer: `asked` (--trainer) when not empty, else $RSG_TRAINER, else beside this program, else on PATH.
/// NOT_FOUND says where was looked and what to do.
absl::StatusOr<std::string> FindTrainer(const std::string& asked);

/// Runs `PATH info --json` for at most `seconds` and takes its answer. Errors name the path: NOT_FOUND and others of
/// exec, DEADLINE_EXCEEDED, FAILED_PRECONDITION for another protocol version, INTERNAL for anything else it did wrong,
/// with its last words. `words`: the lines that it said on stderr beside a good answer, each once, such as why a GPU
/// cannot be used. Main thread only.
absl::StatusOr<v1::TrainerInfo> AskTrainer(const std::string& path, const std::vector<std::string>& environment,
                                           double seconds, std::vector<std::string>* words = nullptr);

/// The start of what `nvidia-smi -q` prints, for people, at most 64 KiB; empty without that program on PATH, or when it
/// fails or takes longer than `seconds`. Main thread only.
std::string GpuInfo(const std::vector<std::string>& environment, double seconds);

}  // namespace rsg::agent
