// What the operating system says of this machine. Reads files below `root` ("/"), so that tests can show another one.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace rsg::agent {

std::string Hostname();
/// "Debian GNU/Linux 12 (bookworm)"; "Linux" when unknown.
std::string OperatingSystem(const std::filesystem::path& root);
/// "AMD EPYC 7R13 Processor"; the machine's architecture when unknown.
std::string CpuModel(const std::filesystem::path& root);
/// CPUs that this process may run on, at least 1.
std::uint32_t AllowedCpus();
/// The start of /proc/cpuinfo, for people, at most 64 KiB; empty when unknown.
std::string CpuInfo(const std::filesystem::path& root);
/// The kernel's id of this boot; empty when unknown.
std::string BootId(const std::filesystem::path& root);

}  // namespace rsg::agent
