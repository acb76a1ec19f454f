#include "coordinator/cli/completion_script.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace rsg::cli {
namespace {

enum class Kind { kOther, kFile, kFolder, kWord, kList };

// What stands for a value: of an option, or the command's own words.
struct Value {
  Kind kind = Kind::kOther;
  std::vector<std::string> words;  // of kWord; of kList, which takes several of them with commas between
};

struct OptionFacts {
  std::vector<std::string> names;  // with dashes
  std::string help;
  bool takes_value = false;
  Value value;
};

struct Command {
  std::string path;  // "rsg sweep submit"
  std::string help;
  std::vector<std::pair<std::string, std::string>> subcommands;  // name, help
  std::vector<OptionFacts> options;
  Value positional;
};

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

Value ValueOf(const CLI::Option& option, const std::vector<std::string>& names, const OptionWords& words) {
  const std::string type = option.get_type_name();
  if (type == "FILE") return {.kind = Kind::kFile, .words = {}};
  if (type == "FOLDER") return {.kind = Kind::kFolder, .words = {}};
  const bool list = option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
  for (const std::string& name : names)
    if (const auto found = words.find(name); found != words.end())
      return {.kind = list ? Kind::kList : Kind::kWord, .words = found->second};
  return {};
}

void AddOptions(const CLI::App& app, const OptionWords& words, Command* command) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      command->positional = ValueOf(*option, {option->get_name()}, words);
      continue;
    }
    OptionFacts facts;
    for (const std::string& name : option->get_lnames()) facts.names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) facts.names.push_back("-" + name);
    facts.help = FirstLine(option->get_description());
    facts.takes_value = option->get_expected_max() > 0 && option->get_type_size_max() > 0;
    facts.value = ValueOf(*option, facts.names, words);
    command->options.push_back(std::move(facts));
  }
}

void Walk(const CLI::App& app, const std::string& path, const OptionWords& words, std::vector<Command>* commands) {
  Command command{
      .path = path, .help = FirstLine(app.get_description()), .subcommands = {}, .options = {}, .positional = {}};
  AddOptions(app, words, &command);
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
// then offers the values of the option before the cursor, or that command's subcommands and options. bash hands over
// "--option=value" as three words, zsh as one.
constexpr const char* kBash = R"sh(_rsg_words() {{
  COMPREPLY=($(compgen -P "$lead" -W "$1" -- "$word"))
}}
_rsg_list() {{
  local head=""
  case "$word" in *,*) head="${{word%,*}}," ;; esac
  COMPREPLY=($(compgen -P "$lead$head" -W "$1" -- "${{word##*,}}"))
}}
_rsg_paths() {{
  if [ -n "${{ZSH_VERSION-}}" ]; then
    [ -z "$lead" ] && return  # it goes on by itself, and does better
    PREFIX="$word"            # where its compgen looks
  fi
  local IFS=$'\n'
  COMPREPLY=($(compgen -P "$lead" "$1" -- "$word"))
  compopt -o filenames 2>/dev/null
}}
_rsg_complete() {{
  local word previous path i lead=""
  word="${{COMP_WORDS[COMP_CWORD]}}"
  previous="${{COMP_WORDS[COMP_CWORD-1]}}"
  case "$previous|$word" in
    *"|=") word="" ;;
    "=|"*) previous="${{COMP_WORDS[COMP_CWORD-2]}}" ;;
    *"|--"*=*) previous="${{word%%=*}}" lead="${{word%%=*}}=" word="${{word#*=}}" ;;
  esac
  path="rsg"
  for ((i = 1; i < COMP_CWORD; i++)); do
    case " $path ${{COMP_WORDS[i]}} " in
      {paths}) path="$path ${{COMP_WORDS[i]}}" ;;
    esac
  done
  COMPREPLY=()
  case "$path|$previous" in
{values}  esac
  case "$path|$word" in
{candidates}  esac
}}
)sh";

std::string BashAction(const Value& value) {
  switch (value.kind) {
    case Kind::kFile:
      return "_rsg_paths -f";
    case Kind::kFolder:
      return "_rsg_paths -d";
    case Kind::kWord:
      return fmt::format("_rsg_words \"{}\"", absl::StrJoin(value.words, " "));
    case Kind::kList:
      return fmt::format("_rsg_list \"{}\"", absl::StrJoin(value.words, " "));
    case Kind::kOther:
      break;
  }
  return ":";
}

std::string BashScript(const std::vector<Command>& commands) {
  std::vector<std::string> paths;
  std::string values;
  std::string candidates;
  for (const Command& command : commands) {
    paths.push_back(fmt::format("\" {} \"", command.path));
    if (command.positional.kind != Kind::kOther)
      candidates +=
          fmt::format("    \"{}|\"[!-]*|\"{}|\") {} ;;\n", command.path, command.path, BashAction(command.positional));
    candidates += fmt::format("    \"{}|\"*) _rsg_words \"{}\" ;;\n", command.path, Candidates(command));
    for (const OptionFacts& option : command.options) {
      if (!option.takes_value) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) patterns.push_back(fmt::format("\"{}|{}\"", command.path, name));
      values += fmt::format("    {}) {}; return ;;\n", absl::StrJoin(patterns, "|"), BashAction(option.value));
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

// What fish offers for a value; empty: it knows none.
std::string FishValues(const Value& value) {
  switch (value.kind) {
    case Kind::kFile:
      return "-F";
    case Kind::kFolder:
      return "-a '(__fish_complete_directories)'";
    case Kind::kWord:
      return "-a " + FishQuoted(absl::StrJoin(value.words, " "));
    case Kind::kList:
      return "-a " + FishQuoted("(__fish_append , " + absl::StrJoin(value.words, " ") + ")");
    case Kind::kOther:
      break;
  }
  return "";
}

std::string FishScript(const std::vector<Command>& commands) {
  std::string script = "complete -c rsg -f\n";
  for (const Command& command : commands) {
    const std::string condition = FishCondition(command);
    const std::string start = condition.empty() ? "complete -c rsg" : fmt::format("complete -c rsg -n '{}'", condition);
    for (const auto& [name, help] : command.subcommands)
      script += fmt::format("{} -a {} -d {}\n", start, name, FishQuoted(help));
    if (const std::string values = FishValues(command.positional); !values.empty())
      script += fmt::format("{} {}\n", start, values);
    for (const OptionFacts& option : command.options) {
      std::string line = start;
      for (const std::string& name : option.names)
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (option.takes_value) {
        line += option.value.kind == Kind::kFile ? " -r" : " -x";
        if (const std::string values = FishValues(option.value); !values.empty()) line += " " + values;
      }
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
             BashScript(commands) + "complete -o default -F _rsg_complete rsg\n";
    case Shell::kFish:
      return FishScript(commands);
  }
  return "";
}

}  // namespace rsg::cli
