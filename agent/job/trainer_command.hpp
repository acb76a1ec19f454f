// A job as rsg-trainer's command line. Pure.
#pragma once
#include <string>
#include <vector>

#include "rsg/v1/fleet.pb.h"

namespace rsg::agent {

/// Descriptor on which the trainer writes its JSON lines.
inline constexpr int kTrainerEventsFd = 3;

/// The arguments of `rsg-trainer` for this job on this device, which is the assigned one.
std::vector<std::string> TrainerArguments(const v1::Assign& assign, const v1::Device& device);

}  // namespace rsg::agent
