// What of the agent's environment its child may see: no join line, no keys. Pure.
#pragma once
#include <string>
#include <vector>

namespace rsg::agent {

/// The entries (NAME=value) of `environment` that a trainer needs: PATH, HOME, TMPDIR, locale, threads, CUDA, NVML,
/// LibTorch and the Python that has it; not those of common/overrides.hpp.
std::vector<std::string> ChildEnvironment(const char* const* environment);

}  // namespace rsg::agent
