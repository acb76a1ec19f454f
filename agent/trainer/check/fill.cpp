#include "agent/trainer/check/fill.hpp"

namespace rsg::trainer {
namespace {

std::uint64_t Mix(std::uint64_t z) {
  z += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

}  // namespace

Fill::Fill(std::string_view name, std::uint64_t seed) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char byte : name) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
  base_ = Mix(hash ^ seed);
}

std::uint64_t Fill::Hash(std::uint64_t i) const { return Mix(base_ + i); }

double Fill::Uniform(std::uint64_t i) const { return static_cast<double>(Hash(i) >> 11) * 0x1p-53 * 2 - 1; }

}  // namespace rsg::trainer
