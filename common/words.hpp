// The words people and SQL see for the enums of proto/: the enum's own name without its prefix. Ways of computing are
// written as the field writes them ("fp32-strict", "nhwc", "standard", "gpu"); states, outcomes and verdicts stay in
// capitals ("OUT_OF_MEMORY"). An unspecified or unknown value is "".
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "rsg/v1/control.pb.h"
#include "rsg/v1/types.pb.h"

namespace rsg {

std::string Word(v1::Precision value);
std::string Word(v1::MemoryFormat value);
std::string Word(v1::Mode value);
std::string Word(v1::Role value);
std::string Word(v1::DeviceKind value);
std::string Word(v1::Outcome value);
std::string Word(v1::StopReason value);
std::string Word(v1::Verdict value);
std::string Word(v1::JobState value);
std::string Word(v1::SweepState value);
std::string Word(v1::AgentState value);

/// The value that a word stands for, in any case; nothing for an unknown word.
std::optional<v1::Precision> ParsePrecision(std::string_view word);
std::optional<v1::MemoryFormat> ParseMemoryFormat(std::string_view word);
std::optional<v1::Mode> ParseMode(std::string_view word);
std::optional<v1::DeviceKind> ParseDeviceKind(std::string_view word);
std::optional<v1::Outcome> ParseOutcome(std::string_view word);

/// All words of an enum, comma-separated, for error texts: "fp32, fp32-strict, tf32, fp16, bf16".
std::string PrecisionWords();
std::string MemoryFormatWords();
std::string ModeWords();
std::string OutcomeWords();

}  // namespace rsg
