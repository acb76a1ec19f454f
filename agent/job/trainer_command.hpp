// A job as rsg-trainer's command line. Pure.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "rsg/v1/fleet.pb.h"

namespace rsg::agent {

/// Descriptor on which the trainer writes its JSON lines.
inline constexpr int kTrainerEventsFd = 3;

/// The arguments of `rsg-trainer` for this job on this device, which is the assigned one. What trainers tell their
/// successors lies in files in `state_folder`: how warm each GPU was, so that a machine's first cell is warmed for long
/// and the next ones hardly, and what each device reaches in matrix products. `script`: the file of the cell's script,
/// when it has one.
std::vector<std::string> TrainerArguments(const v1::Assign& assign, const v1::Device& device,
                                          const std::filesystem::path& state_folder,
                                          const std::filesystem::path& script = {});

}  // namespace rsg::agent
