// `rsg completion bash|zsh|fish`.
#include <iostream>

#include "common/refusal.hpp"
#include "coordinator/cli/completion_script.hpp"
#include "coordinator/cli/output.hpp"
#include "coordinator/cli/sweep_flags.hpp"

namespace rsg::cli {

void AddCompletion(CLI::App& parent, int& exit_code) {
  auto* app = parent.add_subcommand("completion", "Print a completion script for a shell");
  const auto word = std::make_shared<std::string>();
  app->add_option("shell", *word, "bash, zsh or fish")->type_name("SHELL")->required();
  app->footer(
      "Examples:\n"
      "  source <(rsg completion bash)      now; for good: add this line to ~/.bashrc\n"
      "  source <(rsg completion zsh)       likewise, ~/.zshrc\n"
      "  rsg completion fish > ~/.config/fish/completions/rsg.fish\n");
  app->callback([&parent, word, &exit_code] {
    const auto shell = ParseShell(*word);
    if (!shell) {
      exit_code = Report(RefuseWord("shell", *word, std::vector<std::string>{"bash", "zsh", "fish"}));
      return;
    }
    OptionWords words = SweepFlagWords();
    std::cout << CompletionScript(parent, *shell, words);
    exit_code = FinishOutput();
  });
}

}  // namespace rsg::cli
