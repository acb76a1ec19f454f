#include "common/fingerprint.hpp"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace rsg {
namespace {

class Fnv1a {
 public:
  void Take(unsigned char byte) { hash_ = (hash_ ^ byte) * 0x100000001B3; }
  void Take(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) Take(static_cast<unsigned char>(number >> shift));
  }
  std::uint64_t hash() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xCBF29CE484222325;
};

std::uint64_t Mixed(std::uint64_t z) {
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

}  // namespace

std::string Fingerprint(const std::vector<std::string_view>& parts) {
  Fnv1a hash;
  for (const std::string_view part : parts) {
    hash.Take(static_cast<std::uint64_t>(part.size()));
    for (const char byte : part) hash.Take(static_cast<unsigned char>(byte));
  }
  return absl::StrFormat("%016x", Mixed(hash.hash()));
}

}  // namespace rsg
