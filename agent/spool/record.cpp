#include "agent/spool/record.hpp"

#include <zlib.h>

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

namespace rsg::agent {
namespace {

constexpr std::size_t kHeaderBytes = 9;
constexpr std::size_t kVersionAt = 6;  // within kSpoolMagic

std::uint32_t Checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

void PutNumber(std::uint32_t number, char* to) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<char>(number >> (8 * i));
}

std::uint32_t GetNumber(const char* from) {
  std::uint32_t number = 0;
  for (int i = 0; i < 4; ++i) number |= static_cast<std::uint32_t>(static_cast<unsigned char>(from[i])) << (8 * i);
  return number;
}

template <typename Message>
std::optional<KeptRecord> Parse(std::string_view payload) {
  Message message;
  if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) return std::nullopt;
  return message;
}

std::optional<KeptRecord> Parse(std::size_t kind, std::string_view payload) {
  switch (kind) {
    case 0:
      return Parse<v1::Assign>(payload);
    case 1:
      return Parse<v1::AttemptStarted>(payload);
    case 2:
      return Parse<v1::Window>(payload);
    case 3:
      return Parse<v1::AttemptFinished>(payload);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string EncodeRecord(const KeptRecord& record) {
  std::string bytes(kHeaderBytes, '\0');
  bytes[kHeaderBytes - 1] = static_cast<char>(record.index());
  std::visit([&](const auto& message) { message.AppendToString(&bytes); }, record);
  PutNumber(static_cast<std::uint32_t>(bytes.size() - kHeaderBytes), bytes.data());
  PutNumber(Checksum(std::string_view(bytes).substr(kHeaderBytes - 1)), bytes.data() + 4);
  return bytes;
}

DecodedFile DecodeFile(std::string_view bytes) {
  DecodedFile file;
  const std::string_view magic = bytes.substr(0, kSpoolMagic.size());
  if (magic != kSpoolMagic) {
    // All zeros: the disk had room for it, and lost power before it had the content.
    if (kSpoolMagic.starts_with(magic) || bytes.find_first_not_of('\0') == std::string_view::npos)
      file.kind = DecodedFile::Kind::kTorn;
    if (magic.size() == kSpoolMagic.size() && magic.substr(0, kVersionAt) == kSpoolMagic.substr(0, kVersionAt))
      file.kind = DecodedFile::Kind::kOtherVersion;
    return file;
  }
  file.kind = DecodedFile::Kind::kSpool;
  bytes.remove_prefix(magic.size());
  while (bytes.size() >= kHeaderBytes) {
    const std::size_t length = GetNumber(bytes.data());
    if (length <= kMaxRecordBytes && bytes.size() - kHeaderBytes < length) break;  // torn
    file.garbled = true;                                                           // unless it is found whole
    if (length > kMaxRecordBytes) break;
    if (Checksum(bytes.substr(kHeaderBytes - 1, length + 1)) != GetNumber(bytes.data() + 4)) break;
    auto record = Parse(static_cast<unsigned char>(bytes[kHeaderBytes - 1]), bytes.substr(kHeaderBytes, length));
    if (!record) break;
    file.garbled = false;
    file.records.push_back(*std::move(record));
    bytes.remove_prefix(kHeaderBytes + length);
  }
  return file;
}

}  // namespace rsg::agent
