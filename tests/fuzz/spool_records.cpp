// Whatever stands in a file of the spool is read up to where it is not whole, and reads the same when written again.
#include "agent/spool/record.hpp"
#include "input.hpp"

namespace rsg::agent {
namespace {

// Records with a right checksum, which a fuzzer does not guess; messages are those that the input holds.
std::string MadeFile(fuzz::Input input) {
  std::string bytes(kSpoolMagic);
  while (!input.empty()) {
    KeptRecord record;
    switch (input.Byte() % 4) {
      case 0:
        record = v1::Assign();
        break;
      case 1:
        record = v1::AttemptStarted();
        break;
      case 2:
        record = v1::Window();
        break;
      default:
        record = v1::AttemptFinished();
    }
    const std::string payload(input.Piece());
    if (std::visit([&](auto& message) { return message.ParseFromString(payload); }, record))
      bytes += EncodeRecord(record);
  }
  return bytes;
}

void CheckFile(std::string_view bytes) {
  const DecodedFile file = DecodeFile(bytes);
  fuzz::Insist(file.records.empty() || file.kind == DecodedFile::Kind::kSpool);
  std::string again(kSpoolMagic);
  for (const KeptRecord& record : file.records) again += EncodeRecord(record);
  const DecodedFile decoded = DecodeFile(again);
  fuzz::Insist(decoded.records.size() == file.records.size());
  for (std::size_t i = 0; i < file.records.size(); ++i)
    fuzz::Insist(EncodeRecord(decoded.records[i]) == EncodeRecord(file.records[i]));
}

}  // namespace
}  // namespace rsg::agent

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rsg::agent;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckFile(bytes);
  CheckFile(MadeFile(rsg::fuzz::Input(data, size)));
  return 0;
}
