// Whatever a trainer writes, it is cut into bounded lines, and a line is an event or an error.
#include "agent/job/line_reader.hpp"
#include "agent/job/trainer_line.hpp"
#include "input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rsg::agent::LineReader reader(rsg::agent::kMaxTrainerLine);
  reader.Feed({reinterpret_cast<const char*>(data), size}, [](std::string_view line) {
    rsg::fuzz::Insist(line.size() <= rsg::agent::kMaxTrainerLine);
    (void)rsg::agent::ParseTrainerLine(line, 64);
  });
  return 0;
}
