// What Linux says of processor and memory. The functions that take text are pure; the others read /proc and the
// process's memory control group.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rsg::trainer {

/// "model name" of /proc/cpuinfo, or "CPU" when there is none.
std::string CpuNameIn(std::string_view cpuinfo);
/// MiB of a field of /proc/meminfo ("MemTotal"); nothing when it is absent.
std::optional<std::uint32_t> MeminfoMib(std::string_view meminfo, std::string_view field);

std::string CpuName();
/// Physical memory, or what the control group allows when that is less.
std::uint32_t MemoryMib();
/// What can be had now without swapping, within the control group's limit.
std::uint32_t AvailableMemoryMib();

}  // namespace rsg::trainer
