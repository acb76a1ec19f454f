// A fuzzer's input, taken apart piece by piece. At its end everything is 0 or empty.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace rsg::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t Byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  /// Two bytes of length, then that many, or what there is.
  std::string_view Piece() {
    const std::size_t length = Byte() + std::size_t{256} * Byte();
    const std::string_view piece = rest_.substr(0, length);
    rest_.remove_prefix(piece.size());
    return piece;
  }

 private:
  std::string_view rest_;
};

/// A finding.
inline void Insist(bool held) {
  if (!held) std::abort();
}

}  // namespace rsg::fuzz
