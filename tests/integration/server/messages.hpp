// Messages as an agent on a CPU would say them.
#pragma once
#include <string>

#include "rsg/v1/control.pb.h"
#include "rsg/v1/fleet.pb.h"

namespace rsg::server {

/// `number` tells agents apart: their instance, machine and device.
v1::AgentMessage MakeHello(const std::string& name, int number);
v1::AgentMessage MakeWindows(const v1::Assign& assign, std::uint32_t first, std::uint32_t last);
v1::AgentMessage MakeStarted(const v1::Assign& assign);
/// COMPLETED after `windows`, or another outcome without a result.
v1::AgentMessage MakeFinished(const v1::Assign& assign, std::uint32_t windows,
                              v1::Outcome outcome = v1::OUTCOME_COMPLETED);
/// resnet18 in FP32, so many batch sizes from 2 on, without control cells.
v1::SubmitSweepRequest MakeSubmit(const std::string& request_id, std::uint32_t batch_sizes);

}  // namespace rsg::server
