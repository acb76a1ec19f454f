// The tree of commands: flags of sweeps, mistakes, completion.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/arguments.hpp"
#include "coordinator/cli/arguments.hpp"
#include "coordinator/cli/completion_script.hpp"
#include "coordinator/cli/output.hpp"
#include "coordinator/cli/sweep_flags.hpp"
#include "coordinator/cli/verbs.hpp"
#include "rsg/v1/control.pb.h"

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
    auto* list = sweep->add_subcommand("list", "List them");
    list->add_option("--limit", limit, "So many")->check(Within(1U, 1000U));
    list->add_option("--jobs-ahead", ahead, "So many");
    list->add_option("--share", share, "So much");
    auto* backup = app.add_subcommand("backup", "Copy");
    backup->add_option("folder", folder, "Where to")->type_name("FOLDER");
    auto* completion = app.add_subcommand("completion", "This");
    completion->add_option("shell", shell, "Which");
  }

  std::optional<int> Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "rsg");
    return ParseArguments(app, static_cast<int>(arguments.size()), arguments.data());
  }

  CLI::App app{"Test", "rsg"};
  SweepFlags flags;
  std::string file;
  std::string folder;
  std::string shell;
  std::uint32_t limit = 1;
  std::uint32_t ahead = 0;
  double share = 0;
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
  EXPECT_THAT(error_of({"sweep"}), HasSubstr("'rsg sweep' needs a command; use one of submit, list\n"));
  EXPECT_THAT(error_of({"sweep", "list", "--limit", "abc"}), HasSubstr("--limit: 'abc' is not taken; use 1 to 1000\n"));
  EXPECT_THAT(error_of({"sweep", "list", "--limit", "0"}), HasSubstr("--limit: '0' is not taken; use 1 to 1000\n"));
  EXPECT_THAT(error_of({"sweep", "list", "--jobs-ahead", "-1"}),
              HasSubstr("--jobs-ahead: '-1' is not taken; write a whole number, 0 or more"));
  EXPECT_THAT(error_of({"sweep", "list", "--share", "x"}),
              HasSubstr("--share: 'x' is not taken; write a number such as 0.5"));
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

TEST(Output, ABadWordIsNamedByWhereItStands) {
  std::string folder = testing::TempDir() + "rsg-output-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  std::filesystem::create_directory(folder + "/rsg");
  std::ofstream(folder + "/rsg/config.yaml") << "color: red\n";
  setenv("XDG_CONFIG_HOME", folder.c_str(), 1);
  const auto error = [](const OutputFlags& flags) { return std::string(MakeOutput(flags).status().message()); };
  EXPECT_THAT(error({}), testing::StartsWith(folder + "/rsg/config.yaml: color: 'red' is unknown; use one of auto"));
  setenv("RSG_OUTPUT", "xml", 1);
  EXPECT_THAT(error({}), testing::StartsWith("RSG_OUTPUT: 'xml' is unknown; use one of table, json, csv"));
  EXPECT_THAT(error({.output = "yaml", .color = ""}), testing::StartsWith("output: 'yaml' is unknown"));
  unsetenv("RSG_OUTPUT");
  unsetenv("XDG_CONFIG_HOME");
  std::filesystem::remove_all(folder);
}

// What bash offers when Tab is pressed after the last of `words`, separated by spaces.
std::string Offered(const std::string& words) {
  Tree tree;
  std::string folder = testing::TempDir() + "rsg-completion-XXXXXX";
  EXPECT_NE(mkdtemp(folder.data()), nullptr);
  std::filesystem::create_directory(folder + "/a folder");
  std::ofstream(folder + "/file") << "";
  std::ofstream(folder + "/script")
      << CompletionScript(tree.app, Shell::kBash,
                          {{"--precision", {"fp32", "fp16"}}, {"--mode", {"tuned"}}, {"shell", {"bash", "zsh"}}})
      << "COMP_WORDS=(" << words << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_rsg_complete\n"
      << "IFS='|'; echo \"${COMPREPLY[*]}\"\n";
  FILE* bash = popen(("cd " + folder + " && bash script").c_str(), "r");
  std::string offered(4096, '\0');
  offered.resize(std::fread(offered.data(), 1, offered.size(), bash));
  EXPECT_EQ(pclose(bash), 0);
  std::filesystem::remove_all(folder);
  return offered;
}

TEST(Completion, BashOffersCommandsAndOptions) {
  EXPECT_EQ(Offered("rsg ''"), "sweep|backup|completion|--help|-h\n");
  EXPECT_EQ(Offered("rsg sweep ''"), "submit|list|--help|-h\n");
  EXPECT_EQ(Offered("rsg sweep submit --wa"), "--watch\n");
  EXPECT_EQ(Offered("rsg sweep submit --watch --fi"), "--file\n") << "a flag takes no value";
}

TEST(Completion, BashOffersValues) {
  EXPECT_EQ(Offered("rsg sweep submit --precision ''"), "fp32|fp16\n");
  EXPECT_EQ(Offered("rsg sweep submit --precision fp32,fp1"), "fp32,fp16\n") << "a list";
  EXPECT_EQ(Offered("rsg sweep submit --mode tuned,t"), "\n") << "no list";
  EXPECT_EQ(Offered("rsg sweep submit --precision = fp32,fp1"), "fp32,fp16\n")
      << "--precision=fp32,fp1, as bash has it";
  EXPECT_EQ(Offered("rsg sweep submit --precision ="), "fp32|fp16\n");
  EXPECT_EQ(Offered("rsg sweep submit --precision=fp32,fp1"), "--precision=fp32,fp16\n") << "as zsh has it";
  EXPECT_EQ(Offered("rsg sweep submit --gpu ''"), "\n");
  EXPECT_EQ(Offered("rsg completion z"), "zsh\n");
}

TEST(Output, TheReplyIsAnObjectInJsonRowsInCsvAndNothingInATable) {
  v1::DrainAgentResponse reply;
  reply.add_agent_ids("a-1");
  const auto printed = [&](Format format) {
    Output output;
    output.format = format;
    testing::internal::CaptureStdout();
    PrintReply(output, reply, {{.name = "agent_id"}, {.name = "away"}}, {{std::string("a-1"), false}});
    EXPECT_EQ(FinishOutput(), kDone);
    return testing::internal::GetCapturedStdout();
  };
  EXPECT_EQ(printed(Format::kJson), "{\"agent_ids\":[\"a-1\"],\"away_ids\":[]}\n");
  EXPECT_EQ(printed(Format::kCsv), "agent_id,away\na-1,false\n");
  EXPECT_EQ(printed(Format::kTable), "");
}

TEST(Completion, BashOffersFilesAndFolders) {
  EXPECT_EQ(Offered("rsg sweep submit -f fi"), "file\n");
  EXPECT_EQ(Offered("rsg sweep submit --file=fi"), "--file=file\n");
  EXPECT_EQ(Offered("rsg backup ''"), "a folder\n");
  EXPECT_EQ(Offered("rsg backup --h"), "--help\n");
}

TEST(Completion, FishQuotesItsTexts) {
  Tree tree;
  const std::string script = CompletionScript(tree.app, Shell::kFish, {});
  EXPECT_THAT(script, HasSubstr("-a submit -d 'Submit it\\'s sweep'\n"));
  EXPECT_THAT(script, HasSubstr("complete -c rsg -n '__fish_seen_subcommand_from sweep; and "
                                "__fish_seen_subcommand_from submit' -l file -s f -r -F -d 'A file'\n"));
  EXPECT_THAT(script, HasSubstr("complete -c rsg -n '__fish_seen_subcommand_from backup' "
                                "-a '(__fish_complete_directories)'\n"));
}

TEST(Completion, FishOffersListsWordByWord) {
  Tree tree;
  const std::string script = CompletionScript(tree.app, Shell::kFish, {{"--precision", {"fp32", "fp16"}}});
  EXPECT_THAT(script, HasSubstr("-l precision -x -a '(__fish_append , fp32 fp16)' -d "));
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
