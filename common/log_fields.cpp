#include "common/log_fields.hpp"

#include <algorithm>

namespace rsg {
namespace {

constexpr std::size_t kMostId = 64;

}  // namespace

LogFields FieldsOf(std::string_view id) {
  if (id.empty() || id.front() != 's' || id.size() > kMostId) return {};
  LogFields fields;
  std::size_t start = 1;
  for (std::string* field : {&fields.sweep_id, &fields.job_id, &fields.attempt_id}) {
    const std::size_t end = std::min(id.find_first_not_of("0123456789", start), id.size());
    if (end == start) return {};
    *field = id.substr(0, end);
    if (end == id.size()) return fields;
    if (id[end] != '.') return {};
    start = end + 1;
  }
  return {};
}

}  // namespace rsg
