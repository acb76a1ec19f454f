#include "coordinator/cli/completion_script.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace rsg::cli {
namespace {

struct OptionFacts {
  std::vector<std::string> names;  // with dashes
  std::string help;
  bool takes_value = false;
  bool file = false;
  std::vector<std::string> words;
};

struct Command {
  std::string path;  // "rsg sweep submit"
  std::string help;
  std::vector<std::pair<std::string, std::string>> subcommands;  // name, help
  std::vector<OptionFacts> options;
};

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

std::vector<OptionFacts> OptionsOf(const CLI::App& app, const OptionWords& words) {
  std::vector<OptionFacts> all;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) continue;
    OptionFacts facts;
    for (const std::string& name : option->get_lnames()) facts.names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) facts.names.push_back("-" + name);
    facts.help = FirstLine(option->get_description());
    facts.takes_value = option->get_expected_max() > 0 && option->get_type_size_max() > 0;
    const std::string type = option->get_type_name();
    facts.file = type == "FILE" || type == "DIR";
    for (const std::string& name : facts.names)
      if (const auto found = words.find(name); found != words.end()) facts.words = found->second;
    all.push_back(std::move(facts));
  }
  return all;
}

void Walk(const CLI::App& app, const std::string& path, const OptionWords& words, std::vector<Command>* commands) {
  Command command{
      .path = path, .help = FirstLine(app.get_description()), .subcommands = {}, .options = OptionsOf(app, words)};
  const auto children = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : children)
    command.subcommands.emplace_back(child->get_name(), FirstLine(child->get_description()));
  commands->push_back(std::move(command));
  for (const CLI::App* child : children) Walk(*child, path + " " + child->get_name(), words, commands);
}

std::string Candidates(const Command& command) {
  std::vector<std::string> words;
  for (const auto& [name, help] : command.subcommands) words.push_back(name);
  for (const OptionFacts& option : command.options) words.insert(words.end(), option.names.begin(), option.names.end());
  return absl::StrJoin(words, " ");
}

// One shell function serves bash and, through its bashcompinit, zsh. It follows the words to the deepest command,
// then offers the values of the option before the cursor, or that command's subcommands and options.
constexpr const char* kBash = R"sh(_rsg_complete() {{
  local word previous path i
  word="${{COMP_WORDS[COMP_CWORD]}}"
  previous="${{COMP_WORDS[COMP_CWORD-1]}}"
  path="rsg"
  for ((i = 1; i < COMP_CWORD; i++)); do
    case " $path ${{COMP_WORDS[i]}} " in
      {paths}) path="$path ${{COMP_WORDS[i]}}" ;;
    esac
  done
  COMPREPLY=()
  case "$path|$previous" in
{values}  esac
  case "$path" in
{candidates}  esac
}}
)sh";

std::string BashScript(const std::vector<Command>& commands) {
  std::vector<std::string> paths;
  std::string values;
  std::string candidates;
  for (const Command& command : commands) {
    paths.push_back(fmt::format("\" {} \"", command.path));
    candidates += fmt::format("    \"{}\") COMPREPLY=($(compgen -W \"{}\" -- \"$word\")) ;;\n", command.path,
                              Candidates(command));
    for (const OptionFacts& option : command.options) {
      if (!option.takes_value) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) patterns.push_back(fmt::format("\"{}|{}\"", command.path, name));
      std::string action = "return";
      if (option.file)
        action = "COMPREPLY=($(compgen -f -- \"$word\")); return";
      else if (!option.words.empty())
        action = fmt::format("COMPREPLY=($(compgen -W \"{}\" -- \"$word\")); return", absl::StrJoin(option.words, " "));
      values += fmt::format("    {}) {} ;;\n", absl::StrJoin(patterns, "|"), action);
    }
  }
  return fmt::format(kBash, fmt::arg("paths", absl::StrJoin(paths, "|")), fmt::arg("values", values),
                     fmt::arg("candidates", candidates));
}

std::string FishQuoted(const std::string& text) {
  return "'" + absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}) + "'";
}

// Fish conditions: the command's own names were seen, none of its subcommands' yet.
std::string FishCondition(const Command& command) {
  std::vector<std::string> tests;
  std::string_view rest = command.path;
  rest.remove_prefix(std::min(rest.size(), std::string_view("rsg ").size()));
  while (!rest.empty() && command.path != "rsg") {
    const std::size_t space = std::min(rest.find(' '), rest.size());
    tests.push_back(fmt::format("__fish_seen_subcommand_from {}", rest.substr(0, space)));
    rest.remove_prefix(std::min(space + 1, rest.size()));
  }
  if (!command.subcommands.empty()) {
    std::vector<std::string> names;
    for (const auto& [name, help] : command.subcommands) names.push_back(name);
    tests.push_back(fmt::format("not __fish_seen_subcommand_from {}", absl::StrJoin(names, " ")));
  }
  return absl::StrJoin(tests, "; and ");
}

std::string FishScript(const std::vector<Command>& commands) {
  std::string script = "complete -c rsg -f\n";
  for (const Command& command : commands) {
    const std::string condition = FishCondition(command);
    const std::string start = condition.empty() ? "complete -c rsg" : fmt::format("complete -c rsg -n '{}'", condition);
    for (const auto& [name, help] : command.subcommands)
      script += fmt::format("{} -a {} -d {}\n", start, name, FishQuoted(help));
    for (const OptionFacts& option : command.options) {
      std::string line = start;
      for (const std::string& name : option.names)
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (option.file)
        line += " -r -F";
      else if (!option.words.empty())
        line += " -x -a " + FishQuoted(absl::StrJoin(option.words, " "));
      else if (option.takes_value)
        line += " -x";
      script += line + " -d " + FishQuoted(option.help) + "\n";
    }
  }
  return script;
}

}  // namespace

std::optional<Shell> ParseShell(std::string_view word) {
  if (word == "bash") return Shell::kBash;
  if (word == "zsh") return Shell::kZsh;
  if (word == "fish") return Shell::kFish;
  return std::nullopt;
}

std::string CompletionScript(const CLI::App& root, Shell shell, const OptionWords& words) {
  std::vector<Command> commands;
  Walk(root, "rsg", words, &commands);
  switch (shell) {
    case Shell::kBash:
      return BashScript(commands) + "complete -o bashdefault -F _rsg_complete rsg\n";
    case Shell::kZsh:
      return "#compdef rsg\nautoload -Uz compinit bashcompinit\n(( $+functions[compdef] )) || "
             "compinit\nbashcompinit\n" +
             BashScript(commands) + "complete -F _rsg_complete rsg\n";
    case Shell::kFish:
      return FishScript(commands);
  }
  return "";
}

}  // namespace rsg::cli
