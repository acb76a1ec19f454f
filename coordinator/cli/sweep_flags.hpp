// The flags of a sweep expression, for `sweep submit` and `bench`.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "coordinator/cli/completion_script.hpp"
#include "coordinator/cli/sweep_expression.hpp"

namespace rsg::cli {

/// What was given, by field name; a flag that was not given stays empty.
class SweepFlags {
 public:
  /// Adds --FIELD for each of the fields named, in the order of AllSweepFields(); all that have a placeholder when
  /// `names` is empty. Some have a second name, as rsg-trainer calls them: --model. The object outlives the parsing.
  void AddTo(CLI::App& app, const std::vector<std::string_view>& names = {});

  SweepFields Given() const;

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

/// What completion offers after the flags of the verbs.
OptionWords SweepFlagWords();

}  // namespace rsg::cli
