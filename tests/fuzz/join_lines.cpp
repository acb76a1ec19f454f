// Whatever is pasted as a join line is refused, or is the same line again when it is written.
#include "common/join.hpp"
#include "input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto kind : {rsg::JoinKind::kAgent, rsg::JoinKind::kOperator}) {
    const auto line = rsg::ParseJoinLine(text, kind);
    if (!line.ok()) continue;
    const auto again = rsg::ParseJoinLine(rsg::EncodeJoinLine(*line), kind);
    rsg::fuzz::Insist(again.ok() && again->address == line->address && again->secret == line->secret);
  }
  return 0;
}
