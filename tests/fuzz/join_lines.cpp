// Whatever is pasted as a join line is refused, or is the same line again when it is written.
#include "common/join.hpp"
#include "common/secret.hpp"
#include "input.hpp"

namespace {

void Check(std::string_view text) {
  for (const auto kind : {rsg::JoinKind::kAgent, rsg::JoinKind::kOperator}) {
    const auto line = rsg::ParseJoinLine(text, kind);
    if (!line.ok()) continue;
    const auto again = rsg::ParseJoinLine(rsg::EncodeJoinLine(*line), kind);
    rsg::fuzz::Insist(again.ok() && again->address == line->address && again->ca_pem == line->ca_pem &&
                      again->secret == line->secret);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Check(text);
  // What a fuzzer does not guess is made for it: the checksum.
  const std::string body = "rsg-join-1." + rsg::Base64Url(text);
  Check(body + "." + rsg::Sha256Hex(body).substr(0, 8));
  return 0;
}
