// Short names for things that are told apart by many facts.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace rsg {

/// 16 lower-case hex digits that depend on each of `parts`, their order and where one ends: FNV-1a, 64 bits, over each
/// part's length and bytes, mixed by the finaliser of splitmix64. The same on every machine and in every release. Two
/// lists agree by chance once in 1.8e19 times; nothing here withstands somebody who wants them to.
std::string Fingerprint(const std::vector<std::string_view>& parts);

}  // namespace rsg
