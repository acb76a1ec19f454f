// Environment variables that change behind everybody's back what a GPU measures.
#pragma once
#include <string_view>

namespace rsg {

/// They are in no result's flags: the first overrules the precision that was asked for, the second has the host wait
/// for each kernel. An agent keeps them from its trainer; a trainer that is run by hand says that they are set.
inline constexpr std::string_view kOverrides[] = {"NVIDIA_TF32_OVERRIDE", "CUDA_LAUNCH_BLOCKING"};

}  // namespace rsg
