// Messages and events in a person's words, for the trace.
#pragma once
#include <string>

#include "agent/protocol/events.hpp"
#include "rsg/v1/fleet.pb.h"

namespace rsg::sim {

std::string Describe(const v1::AgentMessage& message);
std::string Describe(const v1::CoordinatorMessage& message);
/// Empty: not worth a line.
std::string Describe(const agent::Event& event);
std::string Describe(const agent::Action& action);

}  // namespace rsg::sim
