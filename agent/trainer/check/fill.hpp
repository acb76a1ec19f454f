// Numbers for weights, images and labels that any language can make again: uint64 arithmetic over a name, an index and
// a seed. Pure.
#pragma once
#include <cstdint>
#include <string_view>

namespace rsg::trainer {

/// splitmix64 (Steele, Lea and Flood 2014) over FNV-1a of the name:
///     hash(name, i, seed) = splitmix64(splitmix64(fnv1a64(name) ^ seed) + i)
///     uniform(name, i, seed) = (hash(name, i, seed) >> 11) * 2^-53 * 2 - 1
/// where i counts a tensor's elements in row-major order.
class Fill {
 public:
  Fill(std::string_view name, std::uint64_t seed);
  std::uint64_t Hash(std::uint64_t i) const;
  /// In [-1, 1).
  double Uniform(std::uint64_t i) const;

 private:
  std::uint64_t base_;
};

}  // namespace rsg::trainer
