// What a line of the log says beside its words, as data: state machines hand it out, common/log.hpp writes it. Plain
// values; no spdlog.
#pragma once
#include <string>
#include <string_view>

namespace rsg {

enum class LogLevel { kInfo, kWarning, kError };

/// Which sweep, job, attempt and agent a line is about, named and written as in proto/ and by `rsg ... -o json`; empty:
/// of none, or not known. Ids only, and no id is a secret.
struct LogFields {
  std::string sweep_id = {};    ///< "s3"
  std::string job_id = {};      ///< "s3.14"
  std::string attempt_id = {};  ///< "s3.14.2"
  std::string agent_id = {};    ///< "a-0123456789"
};

/// What the id of a sweep, a job or an attempt says: itself and those that it is part of. Nothing is known from a text
/// of any other form, so it may come from outside. Pure.
LogFields FieldsOf(std::string_view id);

}  // namespace rsg
