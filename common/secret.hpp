// Secrets and ids: random, hashed, compared in constant time. Thread-safe.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace rsg {

/// `bytes` random bytes from the operating system's generator, as lower-case hex.
std::string RandomHex(std::size_t bytes);

/// SHA-256 of `text`, 64 lower-case hex digits.
std::string Sha256Hex(std::string_view text);

/// Whether two texts are equal, in time that depends on their lengths only.
bool EqualInConstantTime(std::string_view a, std::string_view b);

std::string Base64Url(std::string_view bytes);
/// Empty when `text` is not base64url (an empty input decodes to empty, too).
std::string FromBase64Url(std::string_view text);

}  // namespace rsg
