// A file of the spool as bytes: eight that say what it is, then records. Each record is the length of its payload and a
// CRC-32 of what follows it, 4 bytes each, little-endian; a byte for its kind; the payload, a serialized message. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol/events.hpp"

namespace rsg::agent {

/// What a file begins with; the digit is the format's version.
inline constexpr std::string_view kSpoolMagic = "RSGSPL1\n";
/// Bytes of a record's payload; what a trainer and a coordinator say is much smaller.
inline constexpr std::size_t kMaxRecordBytes = 256 << 10;

std::string EncodeRecord(const KeptRecord& record);

struct DecodedFile {
  enum class Kind {
    kSpool,
    kTorn,          ///< it was being made when its writer died
    kOtherVersion,  ///< of this program
    kForeign,
  } kind = Kind::kForeign;
  /// Up to the first that is not whole: what a dying writer had begun, or a disk has garbled.
  std::vector<KeptRecord> records;
  bool garbled = false;  ///< the first that is not whole is not merely cut short
};

DecodedFile DecodeFile(std::string_view bytes);

}  // namespace rsg::agent
