// What an operator writes about a sweep, as text, and the SweepSpec that it means. Flags, YAML files and presets all
// give SweepFields, so that they mean and refuse the same. Pure; thread-safe; throws nothing.
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rsg/v1/control.pb.h"

namespace rsg::cli {

/// Text by field name: {"models", "resnet18,resnet50"}, {"bs", "8..4096"}.
using SweepFields = std::map<std::string, std::string, std::less<>>;

/// One field of a sweep expression; its name is the flag's without dashes and the key in YAML.
struct SweepField {
  std::string_view name;
  std::string_view placeholder;  ///< "LIST"; empty: only in files, the verbs have flags of their own for it
  std::string_view help;
  bool list;  ///< may be given more than once; the texts are joined by commas
  absl::Status (*apply)(std::string_view text, v1::SweepSpec* spec);
};

/// All fields, in the order in which help shows them.
std::span<const SweepField> AllSweepFields();

/// All field names.
std::vector<std::string> SweepFieldNames();

/// `base` with the fields of `over` in their place; of "seconds", "n-batches" and "target" one displaces the others.
SweepFields Override(SweepFields base, const SweepFields& over);

/// The sweep that the fields describe, which have no `script` and `input-shape` any more (scripts.hpp takes them out),
/// with these scripts beside its models; checked by common Validate() and to have at most kMaxCells cells.
/// INVALID_ARGUMENT "field: value ...; remedy".
absl::StatusOr<v1::SweepSpec> ParseSweep(const SweepFields& fields, std::span<const v1::Script> scripts = {});

inline constexpr std::uint64_t kMaxCells = 100'000;

}  // namespace rsg::cli
