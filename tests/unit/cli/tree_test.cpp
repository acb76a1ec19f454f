// The tree of commands: flags of sweeps, mistakes, completion.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/cli/arguments.hpp"
#include "coordinator/cli/completion_script.hpp"
#include "coordinator/cli/sweep_flags.hpp"
#include "coordinator/cli/verbs.hpp"

namespace rsg::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Tree {
  Tree() {
    app.require_subcommand(1);
    auto* sweep = app.add_subcommand("sweep", "Sweeps");
    sweep->require_subcommand(1);
    auto* submit = sweep->add_subcommand("submit", "Submit it's sweep");
    flags.AddTo(*submit);
    submit->add_option("-f,--file", file, "A file")->type_name("FILE");
    submit->add_flag("--watch", watch, "Follow it");
    submit->callback([this] { ran = true; });
    sweep->add_subcommand("list", "List them");
  }

  std::optional<int> Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "rsg");
    return ParseArguments(app, static_cast<int>(arguments.size()), arguments.data());
  }

  CLI::App app{"Test", "rsg"};
  SweepFlags flags;
  std::string file;
  bool watch = false;
  bool ran = false;
};

TEST(SweepFlags, GivenOnesAreFields) {
  Tree tree;
  EXPECT_EQ(tree.Parse({"sweep", "submit", "--models", "a,b", "--models", "c", "--bs", "8..64", "--gpu", "RTX 3090"}),
            std::nullopt);
  EXPECT_TRUE(tree.ran);
  EXPECT_EQ(tree.flags.Given(), (SweepFields{{"models", "a,b,c"}, {"bs", "8..64"}, {"gpu", "RTX 3090"}}));
}

TEST(SweepFlags, AliasesMeanTheSameField) {
  Tree tree;
  EXPECT_EQ(tree.Parse({"sweep", "submit", "--model", "a", "--models", "b", "--n_seconds", "5"}), std::nullopt);
  EXPECT_EQ(tree.flags.Given(), (SweepFields{{"models", "a,b"}, {"seconds", "5"}}));
  Tree batches;
  EXPECT_EQ(batches.Parse({"sweep", "submit", "--n_batches", "7"}), std::nullopt);
  EXPECT_EQ(batches.flags.Given(), (SweepFields{{"n-batches", "7"}}));
}

TEST(Arguments, MistakesAreUsageErrorsWithAHint) {
  const auto error_of = [](const std::vector<const char*>& arguments) {
    Tree tree;
    testing::internal::CaptureStderr();
    EXPECT_EQ(tree.Parse(arguments), kUsage);
    EXPECT_FALSE(tree.ran);
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(error_of({"swep"}), HasSubstr("did you mean 'sweep'?"));
  EXPECT_THAT(error_of({"sweep", "sumbit"}), HasSubstr("did you mean 'submit'?"));
  EXPECT_THAT(error_of({"sweep", "submit", "--modls", "x"}), HasSubstr("did you mean '--models'?"));
  EXPECT_THAT(error_of({"sweep", "submit", "--modls"}), HasSubstr("rsg sweep submit --help"));
  EXPECT_THAT(error_of({"sweep", "submit", "--seconds", "1", "--seconds", "2"}), HasSubstr("--seconds"));
  EXPECT_THAT(error_of({"sweep", "submit", "--bs"}), HasSubstr("--bs"));
  EXPECT_THAT(error_of({}), HasSubstr("sweep"));
}

TEST(Arguments, HelpIsNoMistake) {
  Tree tree;
  testing::internal::CaptureStdout();
  EXPECT_EQ(tree.Parse({"sweep", "submit", "--help"}), kDone);
  const std::string help = testing::internal::GetCapturedStdout();
  EXPECT_THAT(help, HasSubstr("--memory-format"));
  EXPECT_THAT(help, HasSubstr("--target"));
  EXPECT_THAT(help, Not(HasSubstr("--control"))) << "its verbs have a flag of their own for it";
  EXPECT_FALSE(tree.ran);
}

TEST(Completion, BashOffersCommandsOptionsAndValues) {
  Tree tree;
  const std::string script = CompletionScript(tree.app, Shell::kBash, {{"--precision", {"fp32", "fp16"}}});
  EXPECT_THAT(script, HasSubstr("\"rsg\") COMPREPLY=($(compgen -W \"sweep --help -h\""));
  EXPECT_THAT(script, HasSubstr("\"rsg sweep\") COMPREPLY=($(compgen -W \"submit list --help -h\""));
  EXPECT_THAT(script, HasSubstr("\"rsg sweep submit|--precision\") COMPREPLY=($(compgen -W \"fp32 fp16\""));
  EXPECT_THAT(script, HasSubstr("\"rsg sweep submit|--file\"|\"rsg sweep submit|-f\") COMPREPLY=($(compgen -f"));
  EXPECT_THAT(script, Not(HasSubstr("|--watch\")"))) << "a flag takes no value";
  EXPECT_THAT(script, HasSubstr("complete -o bashdefault -F _rsg_complete rsg\n"));
}

TEST(Completion, FishQuotesItsTexts) {
  Tree tree;
  const std::string script = CompletionScript(tree.app, Shell::kFish, {});
  EXPECT_THAT(script, HasSubstr("-a submit -d 'Submit it\\'s sweep'\n"));
  EXPECT_THAT(script, HasSubstr("complete -c rsg -n '__fish_seen_subcommand_from sweep; and "
                                "__fish_seen_subcommand_from submit' -l file -s f -r -F -d 'A file'\n"));
}

TEST(Completion, ZshLoadsTheBashFunction) {
  Tree tree;
  const std::string script = CompletionScript(tree.app, Shell::kZsh, {});
  EXPECT_THAT(script, HasSubstr("#compdef rsg\n"));
  EXPECT_THAT(script, HasSubstr("bashcompinit\n"));
  EXPECT_THAT(script, HasSubstr("_rsg_complete() {"));
}

}  // namespace
}  // namespace rsg::cli
