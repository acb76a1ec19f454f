// Frequency and load of the CPUs, as Linux tells them.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/trainer/telemetry/reader.hpp"

namespace rsg::trainer {

/// Busy and total time since the start, from the first line of /proc/stat; nothing when it is not there. Waiting for
/// I/O is idle. Pure.
std::optional<Reading::CpuTime> CpuTimeIn(std::string_view stat);

/// Mean of "cpu MHz" over `cpus` (by "processor") in /proc/cpuinfo; nothing when it names none. Pure.
std::optional<double> MeanMhzIn(std::string_view cpuinfo, const std::vector<int>& cpus);

/// The CPUs that this process may run on, ascending.
std::vector<int> AllowedCpus();

/// Reads below `root` ("/"): the frequency of `cpus` from sys/devices/system/cpu/cpuN/cpufreq, of at most 16 of them
/// evenly chosen, or from proc/cpuinfo where there is no cpufreq; the load from proc/stat. Files that are missing leave
/// their fields absent.
std::unique_ptr<Reader> OpenCpuReader(const std::string& root, const std::vector<int>& cpus);

}  // namespace rsg::trainer
