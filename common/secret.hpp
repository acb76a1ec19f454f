// Secrets and ids: random, hashed, compared in constant time. Thread-safe.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace rsg {

/// `bytes` random bytes from the operating system's generator, as lower-case hex.
std::string RandomHex(std::size_t bytes);

/// SHA-256 of `text`, 64 lower-case hex digits.
std::string Sha256Hex(std::string_view text);

/// SHA-256 of what comes in pieces. Moved from, it is of no use. One thread at a time.
class Sha256 {
 public:
  Sha256();
  void Add(std::string_view bytes);
  /// Of all that was added, 64 lower-case hex digits. Ends it: nothing is added afterwards.
  std::string Hex();

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

/// Whether two texts are equal, in time that depends on their lengths only.
bool EqualInConstantTime(std::string_view a, std::string_view b);

std::string Base64Url(std::string_view bytes);
/// Empty when `text` is not base64url (an empty input decodes to empty, too).
std::string FromBase64Url(std::string_view text);

}  // namespace rsg
