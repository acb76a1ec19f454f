// The one source of chance of a run: the same seed, the same run, on any machine.
#pragma once
#include <cmath>
#include <cstdint>
#include <string>

namespace rsg::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  /// 64 random bits (SplitMix64).
  std::uint64_t Next() {
    std::uint64_t bits = state_ += 0x9e3779b97f4a7c15u;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
  }
  /// In [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  double Between(double low, double high) { return low + Uniform() * (high - low); }
  /// In 0 ... below - 1.
  std::size_t Below(std::size_t below) { return static_cast<std::size_t>(Next() % below); }
  bool Chance(double probability) { return Uniform() < probability; }
  /// A waiting time.
  double Exponential(double mean) { return -std::log(1 - Uniform()) * mean; }
  /// Two lower-case digits a byte.
  std::string Hex(std::size_t bytes) {
    std::string hex;
    for (std::size_t i = 0; i < 2 * bytes; ++i) hex += "0123456789abcdef"[Next() % 16];
    return hex;
  }

 private:
  std::uint64_t state_;
};

}  // namespace rsg::sim
