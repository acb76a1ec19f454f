// JSON of the proto messages, one way for the whole system: field names as in proto/, every primitive printed, one
// line.
#pragma once
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace rsg {

/// The message as one line of JSON. Non-finite numbers come out as protobuf prints them ("NaN"); validate before.
std::string ToJson(const google::protobuf::Message& message);

/// Parses into `message`. Unknown fields are an error unless `ignore_unknown`: a newer peer may have more of them.
absl::Status FromJson(std::string_view json, google::protobuf::Message* message, bool ignore_unknown = true);

}  // namespace rsg
