// What an operator asks for: cells, limits, sweeps.
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/models.hpp"
#include "common/script.hpp"
#include "common/validate.hpp"
#include "common/words.hpp"

namespace rsg {
namespace {

constexpr double kMaxSeconds = 86400;
constexpr double kLeastTarget = 0.0001;  // half-width, as a share of the throughput
constexpr double kMostTarget = 0.5;
constexpr std::uint32_t kMaxBatches = 1'000'000'000;
constexpr std::uint32_t kMaxRepeats = 100;
constexpr std::uint32_t kMaxRunNumber = 1'000'000'000;
constexpr int kMaxListed = 256;  // entries of any one list of a sweep

absl::Status Wrong(absl::string_view field, absl::string_view value, absl::string_view remedy) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", value, "; ", remedy));
}

absl::Status CheckSeconds(absl::string_view field, double seconds) {
  if (std::isfinite(seconds) && seconds >= 0.1 && seconds <= kMaxSeconds) return absl::OkStatus();
  return Wrong(field, absl::StrCat(seconds, " is out of range"), "use 0.1 to 86400 seconds");
}

absl::Status CheckBatchSize(std::uint32_t batch_size) {
  if (batch_size >= 1 && batch_size <= kMaxBatchSize) return absl::OkStatus();
  return Wrong("batch_size", absl::StrCat(batch_size, " is out of range"), "use 1 to 65536");
}

template <typename List>
absl::Status CheckList(absl::string_view field, const List& list, bool needed) {
  if (needed && list.empty()) return Wrong(field, "none given", "name at least one");
  if (list.size() > kMaxListed)
    return Wrong(field, absl::StrCat(list.size(), " entries"), absl::StrCat("at most ", kMaxListed, " are taken"));
  std::set<typename List::value_type> seen;
  for (const auto& entry : list)
    if (!seen.insert(entry).second) return Wrong(field, absl::StrCat(entry, " stands twice"), "name each once");
  return absl::OkStatus();
}

absl::Status CheckLists(const v1::SweepSpec& spec) {
  if (auto s = CheckList("models", spec.models(), false); !s.ok()) return s;
  if (auto s = CheckList("batch_sizes", spec.batch_sizes(), true); !s.ok()) return s;
  if (auto s = CheckList("precisions", spec.precisions(), false); !s.ok()) return s;
  if (auto s = CheckList("memory_formats", spec.memory_formats(), false); !s.ok()) return s;
  if (auto s = CheckList("image_sizes", spec.image_sizes(), false); !s.ok()) return s;
  for (const int precision : spec.precisions())
    if (Word(static_cast<v1::Precision>(precision)).empty())
      return Wrong("precision", absl::StrCat(precision, " is unknown"), absl::StrCat("use ", PrecisionWords()));
  for (const int format : spec.memory_formats())
    if (Word(static_cast<v1::MemoryFormat>(format)).empty())
      return Wrong("memory_format", absl::StrCat(format, " is unknown"), absl::StrCat("use ", MemoryFormatWords()));
  return absl::OkStatus();
}

absl::Status CheckScripts(const v1::SweepSpec& spec) {
  if (spec.models().empty() && spec.scripts().empty()) return Wrong("models", "none given", "name at least one");
  std::vector<std::string> names;
  for (const v1::Script& script : spec.scripts()) {
    if (auto s = Validate(script); !s.ok()) return s;
    names.push_back(script.name());
    for (const std::uint32_t batch_size : spec.batch_sizes())
      if (auto s = CheckBatchSize(batch_size); !s.ok()) return s;
    for (const int format : spec.memory_formats())
      if (auto s = CheckScriptFormat(script, static_cast<v1::MemoryFormat>(format)); !s.ok()) return s;
    if (!script.sample_shape().empty()) continue;
    for (const std::uint32_t size : spec.image_sizes())
      if (auto s = CheckScriptSize(script, size); !s.ok()) return s;
  }
  return CheckList("scripts", names, false);
}

absl::Status CheckCells(const v1::SweepSpec& spec) {
  for (const std::string& name : spec.models()) {
    const ModelEntry* model = FindModel(name);
    if (model == nullptr)
      return Wrong("model", absl::StrCat("'", name, "' is unknown"), absl::StrCat("use one of ", ModelNames()));
    for (const std::uint32_t batch_size : spec.batch_sizes()) {
      if (auto s = CheckBatchSize(batch_size); !s.ok()) return s;
      if (spec.image_sizes().empty())
        if (auto s = CheckModelSize(*model, model->default_image_size, batch_size); !s.ok()) return s;
      for (const std::uint32_t size : spec.image_sizes())
        if (auto s = CheckModelSize(*model, size, batch_size); !s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSelector(const v1::DeviceSelector& devices) {
  if (devices.kind() != v1::DEVICE_KIND_UNSPECIFIED && Word(devices.kind()).empty())
    return Wrong("device", absl::StrCat(devices.kind(), " is unknown"), "use gpu or cpu");
  if (devices.kind() == v1::DEVICE_KIND_CPU && !devices.gpu().empty())
    return Wrong("gpu", absl::StrCat("'", devices.gpu(), "' with device cpu"), "give one of them");
  if (devices.gpu().size() > 128) return Wrong("gpu", "longer than 128 bytes", "give a part of the name");
  if (auto s = CheckList("agents", devices.agents(), false); !s.ok()) return s;
  const double open_for = devices.open_for_seconds();
  if (devices.has_open_for_seconds() && (!std::isfinite(open_for) || open_for <= 0 || open_for > 365 * kMaxSeconds))
    return Wrong("open_for", absl::StrCat(open_for, " is out of range"), "use a second to a year");
  return absl::OkStatus();
}

// `model`: the entry of the cell's model; nullptr when there is none.
absl::Status CheckWhatIsTrained(const v1::Cell& cell, const ModelEntry* model) {
  if (cell.has_script()) {
    if (auto s = Validate(cell.script()); !s.ok()) return s;
    if (cell.model() == ScriptModel(cell.script())) return absl::OkStatus();
    return Wrong("model", "not the script's", absl::StrCat("use ", ScriptModel(cell.script())));
  }
  if (model != nullptr) return absl::OkStatus();
  if (IsScriptModel(cell.model())) return Wrong("script", "absent, and the model is one", "name its file");
  return Wrong("model", absl::StrCat("'", cell.model(), "' is unknown"), absl::StrCat("use one of ", ModelNames()));
}

}  // namespace

absl::Status Validate(const v1::Cell& cell) {
  const ModelEntry* model = FindModel(cell.model());
  if (auto s = CheckWhatIsTrained(cell, model); !s.ok()) return s;
  if (auto s = CheckBatchSize(cell.batch_size()); !s.ok()) return s;
  if (Word(cell.precision()).empty())
    return Wrong("precision", absl::StrCat(cell.precision(), " is unknown"), absl::StrCat("use ", PrecisionWords()));
  if (Word(cell.memory_format()).empty())
    return Wrong("memory_format", absl::StrCat(cell.memory_format(), " is unknown"),
                 absl::StrCat("use ", MemoryFormatWords()));
  if (Word(cell.mode()).empty())
    return Wrong("mode", absl::StrCat(cell.mode(), " is unknown"), absl::StrCat("use ", ModeWords()));
  if (!cell.has_script()) return CheckModelSize(*model, cell.image_size(), cell.batch_size());
  if (auto s = CheckScriptSize(cell.script(), cell.image_size()); !s.ok()) return s;
  return CheckScriptFormat(cell.script(), cell.memory_format());
}

absl::Status Validate(const v1::Limits& limits) {
  if (limits.has_seconds() + limits.has_n_batches() + limits.has_target_half_width() > 1)
    return Wrong(limits.has_seconds() ? "seconds" : "n_batches",
                 limits.has_target_half_width() ? "given together with target" : "given together with n_batches",
                 "give one of them");
  const double target = limits.target_half_width();
  if (limits.has_target_half_width() && !(target >= kLeastTarget && target <= kMostTarget))
    return Wrong("target", absl::StrCat(100 * target, " % is out of range"), "use 0.01 to 50 %");
  if (limits.has_seconds())
    if (auto s = CheckSeconds("seconds", limits.seconds()); !s.ok()) return s;
  if (limits.has_n_batches() && (limits.n_batches() < 1 || limits.n_batches() > kMaxBatches))
    return Wrong("n_batches", absl::StrCat(limits.n_batches(), " is out of range"), "use 1 to 1000000000");
  if (limits.has_memory_limit_mib() && limits.memory_limit_mib() == 0)
    return Wrong("memory_limit", "0 is out of range", "use 1 MiB or more");
  return CheckSeconds("max_seconds", limits.max_seconds());
}

absl::Status Validate(const v1::SweepSpec& spec) {
  if (spec.name().size() > 128) return Wrong("name", "longer than 128 bytes", "shorten it");
  if (spec.run_name().size() > 128) return Wrong("run_name", "longer than 128 bytes", "shorten it");
  if (spec.run_number() > kMaxRunNumber)
    return Wrong("run_number", absl::StrCat(spec.run_number(), " is out of range"), "use at most 1000000000");
  if (auto s = CheckLists(spec); !s.ok()) return s;
  if (auto s = CheckScripts(spec); !s.ok()) return s;
  if (auto s = CheckCells(spec); !s.ok()) return s;
  if (spec.mode() != v1::MODE_UNSPECIFIED && Word(spec.mode()).empty())
    return Wrong("mode", absl::StrCat(spec.mode(), " is unknown"), absl::StrCat("use ", ModeWords()));
  if (spec.repeats() > kMaxRepeats)
    return Wrong("repeats", absl::StrCat(spec.repeats(), " is out of range"), "use 1 to 100");
  v1::Limits limits = spec.limits();
  if (limits.max_seconds() == 0) limits.set_max_seconds(kMaxSeconds);  // derived later from what is asked for
  if (auto s = Validate(limits); !s.ok()) return s;
  return CheckSelector(spec.devices());
}

}  // namespace rsg
