// How much memory the machine and the process's control groups leave. A library of its own, without messages, so that
// what includes LibTorch can have it. Reads files below `root` ("/"), so that tests can show another machine.
#pragma once
#include <cstdint>
#include <filesystem>

namespace rsg {

/// MiB that this process may use: the machine's memory, or the tightest limit of its control groups. 0: unknown.
std::uint32_t MemoryMib(const std::filesystem::path& root);

/// MiB that can be had now without swapping: what is free on the machine, or in the fullest of the process's control
/// groups, from its own (Slurm's step, systemd's unit) up to the root. A group's page cache that is not in use counts
/// as free. The largest number when nothing is known.
std::uint32_t AvailableMemoryMib(const std::filesystem::path& root);

}  // namespace rsg
