// What has to agree before two results are compared. Pure.
#pragma once
#include <string>

#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// Where something ran, as the machine key sees it.
struct MachineIdentity {
  std::string host{};            ///< names the machine; see HostName
  std::string driver_version{};  ///< NVIDIA's; empty without one
  std::string gpu_uuid{};        ///< empty on a CPU
  std::string cpu_name{};        ///< of the CPU as a device; empty on a GPU
};

/// Three fingerprints (common/fingerprint.hpp).
/// method: the cell (of a script the file's hash and a sample's shape, not its name), the numeric flags in force,
/// whether one CUDA graph replays the step, the kernel of attention where there is any (math and flash differ in
/// arithmetic and in memory traffic), kMethodVersion. Left out: the optimiser's kernels, since `tuned` picks them and
/// all compute the same; the CPU's threads, which belong to the machine. stack: LibTorch, CUDA and cuDNN, not this
/// project's own version, which stands beside the keys. machine: GPU UUID or CPU name, driver, host; on a CPU also the
/// threads it trained with.
v1::Keys MakeKeys(const v1::Cell& cell, const v1::Flags& flags, const v1::Stack& stack, const MachineIdentity& machine);

/// Names this machine for the key: its machine id, else its hardware's, else its host name. Reads below `root` ("/").
/// In a container these may be the container's own.
std::string HostName(const std::string& root);

}  // namespace rsg::trainer
