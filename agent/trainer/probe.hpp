// The verb `probe`, and where this process runs, as the keys see it.
#pragma once
#include "agent/trainer/command_line.hpp"
#include "agent/trainer/report/keys.hpp"

namespace rsg::trainer {

/// Measures what the asked-for device reaches in matrix products of the asked-for precisions, prints a table or, with
/// --json, a ProbeList, and returns the exit code.
int ShowPeaks(const CommandLine& line);

/// Host, driver and device for the machine key. Reads the system.
MachineIdentity IdentifyMachine(const Device& device);

}  // namespace rsg::trainer
