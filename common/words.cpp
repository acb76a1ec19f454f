#include "common/words.hpp"

#include <algorithm>
#include <cctype>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace rsg {
namespace {

using google::protobuf::EnumDescriptor;

// PRECISION_FP32_STRICT of Precision -> FP32_STRICT: the unspecified value's name tells the prefix.
std::string Bare(const EnumDescriptor* type, int number) {
  const auto* value = type->FindValueByNumber(number);
  if (value == nullptr || number == 0) return "";
  const std::size_t prefix = type->FindValueByNumber(0)->name().size() - std::string_view("UNSPECIFIED").size();
  return value->name().substr(prefix);
}

std::string Spoken(const EnumDescriptor* type, int number) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(Bare(type, number)), {{"_", "-"}});
}

std::optional<int> Find(const EnumDescriptor* type, std::string_view word) {
  const std::string wanted = absl::StrReplaceAll(absl::AsciiStrToUpper(std::string(word)), {{"-", "_"}});
  for (int i = 1; i < type->value_count(); ++i) {
    const int number = type->value(i)->number();
    if (Bare(type, number) == wanted) return number;
  }
  return std::nullopt;
}

template <typename Enum>
std::optional<Enum> FindAs(const EnumDescriptor* type, std::string_view word) {
  const auto number = Find(type, word);
  if (!number) return std::nullopt;
  return static_cast<Enum>(*number);
}

std::string All(const EnumDescriptor* type, std::string (*word)(const EnumDescriptor*, int)) {
  std::vector<std::string> words;
  for (int i = 1; i < type->value_count(); ++i) words.push_back(word(type, type->value(i)->number()));
  return absl::StrJoin(words, ", ");
}

}  // namespace

std::string Word(v1::Precision value) { return Spoken(v1::Precision_descriptor(), value); }
std::string Word(v1::MemoryFormat value) { return Spoken(v1::MemoryFormat_descriptor(), value); }
std::string Word(v1::Mode value) { return Spoken(v1::Mode_descriptor(), value); }
std::string Word(v1::Role value) { return Bare(v1::Role_descriptor(), value); }
std::string Word(v1::DeviceKind value) { return Spoken(v1::DeviceKind_descriptor(), value); }
std::string Word(v1::Outcome value) { return Bare(v1::Outcome_descriptor(), value); }
std::string Word(v1::StopReason value) { return Bare(v1::StopReason_descriptor(), value); }
std::string Word(v1::Verdict value) { return Bare(v1::Verdict_descriptor(), value); }
std::string Word(v1::JobState value) { return Bare(v1::JobState_descriptor(), value); }
std::string Word(v1::SweepState value) { return Bare(v1::SweepState_descriptor(), value); }
std::string Word(v1::AgentState value) { return Bare(v1::AgentState_descriptor(), value); }

std::optional<v1::Precision> ParsePrecision(std::string_view word) {
  return FindAs<v1::Precision>(v1::Precision_descriptor(), word);
}
std::optional<v1::MemoryFormat> ParseMemoryFormat(std::string_view word) {
  return FindAs<v1::MemoryFormat>(v1::MemoryFormat_descriptor(), word);
}
std::optional<v1::Mode> ParseMode(std::string_view word) { return FindAs<v1::Mode>(v1::Mode_descriptor(), word); }
std::optional<v1::DeviceKind> ParseDeviceKind(std::string_view word) {
  return FindAs<v1::DeviceKind>(v1::DeviceKind_descriptor(), word);
}
std::optional<v1::Outcome> ParseOutcome(std::string_view word) {
  return FindAs<v1::Outcome>(v1::Outcome_descriptor(), word);
}

std::string PrecisionWords() { return All(v1::Precision_descriptor(), Spoken); }
std::string MemoryFormatWords() { return All(v1::MemoryFormat_descriptor(), Spoken); }
std::string ModeWords() { return All(v1::Mode_descriptor(), Spoken); }
std::string OutcomeWords() { return All(v1::Outcome_descriptor(), Bare); }

}  // namespace rsg
