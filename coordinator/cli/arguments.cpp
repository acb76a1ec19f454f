#include "coordinator/cli/arguments.hpp"

#include <fmt/format.h>

#include <iostream>
#include <string>
#include <vector>

#include "coordinator/cli/output.hpp"
#include "coordinator/cli/refusal.hpp"
#include "coordinator/cli/suggest.hpp"

namespace rsg::cli {
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

std::vector<std::string> KnownWords(const CLI::App& app, bool flags) {
  std::vector<std::string> words;
  if (!flags)
    for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; }))
      words.push_back(child->get_name());
  if (flags)
    for (const CLI::Option* option : app.get_options())
      for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  return words;
}

// The first word that nobody knew, with the nearest known one; else CLI11's own words.
std::string Explain(const CLI::App& app, const CLI::App& deepest, const std::string& path,
                    const CLI::ParseError& error) {
  const auto unknown = app.remaining(/*recurse=*/true);
  if (unknown.empty()) return error.what();
  const std::string word = unknown.front().substr(0, unknown.front().find('='));
  const bool flag = word.starts_with("-");
  const std::string nearest = Nearest(word, KnownWords(deepest, flag));
  const bool takes_commands = !flag && !KnownWords(deepest, false).empty();
  return fmt::format("{} is {} '{}'{}", Quote(word),
                     flag             ? "no option of"
                     : takes_commands ? "no command of"
                                      : "one word too many for",
                     path, nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest));
}

}  // namespace

std::optional<int> ParseArguments(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::CallForVersion& version) {
    std::cout << version.what() << '\n';
    return FinishOutput();
  } catch (const CLI::Success& help) {  // help for the command that was named
    app.exit(help, std::cout, std::cerr);
    return FinishOutput();
  } catch (const CLI::ParseError& error) {
    std::string path;
    const CLI::App* deepest = Deepest(app, &path);
    if (argc <= 1) {
      std::cerr << app.help();
      return kUsage;
    }
    Say(fmt::format("{}\nsee '{} --help'", Explain(app, *deepest, path, error), path));
    return kUsage;
  }
}

}  // namespace rsg::cli
