#include "common/arguments.hpp"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "common/suggest.hpp"

namespace rsg {
namespace {

// The deepest command that was named, and its path: "rsg sweep submit".
const CLI::App* Deepest(const CLI::App& app, std::string* path) {
  *path = app.get_name();
  const CLI::App* deepest = &app;
  while (true) {
    const auto parsed = deepest->get_subcommands();
    if (parsed.empty()) return deepest;
    deepest = parsed.back();
    *path += " " + deepest->get_name();
  }
}

std::vector<std::string> Commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(child->get_name());
  return names;
}

std::vector<std::string> Options(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::string Unknown(const std::string& argument, const CLI::App& deepest, const std::string& path) {
  const std::string word = argument.substr(0, argument.find('='));
  const bool flag = word.starts_with("-");
  const std::vector<std::string> known = flag ? Options(deepest) : Commands(deepest);
  const std::string nearest = Nearest(word, known);
  const std::string remedy = !nearest.empty()        ? fmt::format("; did you mean '{}'?", nearest)
                             : flag || known.empty() ? ""
                                                     : fmt::format("; use one of {}", Listed(known));
  return fmt::format("{} is {} '{}'{}", Quote(word),
                     flag            ? "no option of"
                     : known.empty() ? "one word too many for"
                                     : "no command of",
                     path, remedy);
}

// Of an option whose value CLI11 could not read as a number. It does not say which, but in its text.
std::string NoNumber(const CLI::App& deepest, const CLI::ConversionError& error) {
  for (const CLI::Option* option : deepest.get_options()) {
    if (option->empty() || !absl::StrContains(error.what(), " " + option->get_name() + " = ")) continue;
    const std::string value = option->results().back();
    const bool digits = std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
    const bool whole = !option->get_type_name().starts_with("FLOAT");
    return fmt::format("{}: {} {}", option->get_name(), Quote(value),
                       digits && whole ? "is too large; write a smaller number"
                       : whole         ? "is not taken; write a whole number, 0 or more"
                                       : "is not taken; write a number such as 0.5");
  }
  return error.what();
}

std::string What(const CLI::App& app, const CLI::App& deepest, const std::string& path, const CLI::ParseError& error) {
  if (const auto unknown = app.remaining(/*recurse=*/true); !unknown.empty())
    return Unknown(unknown.front(), deepest, path);
  if (const auto* conversion = dynamic_cast<const CLI::ConversionError*>(&error)) return NoNumber(deepest, *conversion);
  const auto commands = Commands(deepest);
  const bool no_command = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !commands.empty();
  if (no_command) return fmt::format("'{}' needs a command; use one of {}", path, Listed(commands));
  return error.what();
}

}  // namespace

std::string ExplainMistake(const CLI::App& app, const CLI::ParseError& error) {
  std::string path;
  const CLI::App* deepest = Deepest(app, &path);
  return fmt::format("{}\nsee '{} --help'", What(app, *deepest, path, error), path);
}

}  // namespace rsg
