// Whatever an operator writes, as YAML, becomes a sweep of bounded size or is refused.
#include "coordinator/cli/sweep_expression.hpp"
#include "coordinator/cli/sweep_file.hpp"
#include "input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > std::size_t{64} << 10) return 0;  // more is not read
  const auto file = rsg::cli::ParseSweepFile({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (file.ok()) (void)rsg::cli::ParseSweep(file->fields);
  return 0;
}
