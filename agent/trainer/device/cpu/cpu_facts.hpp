// What Linux says of the processor.
#pragma once
#include <string>
#include <string_view>

namespace rsg::trainer {

/// "model name" of /proc/cpuinfo, or "CPU" when there is none. Pure.
std::string CpuNameIn(std::string_view cpuinfo);
/// The same of this machine.
std::string CpuName();

}  // namespace rsg::trainer
