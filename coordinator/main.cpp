// rsg: the coordinator and its operator's command line. This file lists the verbs; each is in a file of cli/.
#include <fmt/format.h>
#include <signal.h>

#include <cstdlib>
#include <exception>
#include <iostream>

#include "common/revision.hpp"
#include "common/version.hpp"
#include "coordinator/cli/arguments.hpp"
#include "coordinator/cli/output.hpp"
#include "coordinator/cli/verbs.hpp"

namespace {

std::string Version() {
  const std::string revision = rsg::SourceRevision();
  return fmt::format("rsg {}{}", rsg::kVersion, revision.empty() ? "" : " (" + revision + ")");
}

constexpr const char* kFooter = R"(Start a fleet:
  rsg serve --advertise HOST:PORT              the coordinator; prints the join line
  RSG_JOIN=... rsg-agent                       on every machine that is to be measured
  rsg sweep submit --models resnet50 --bs 8..256 --precision fp32,fp16 --watch
  rsg results best

Or measure this machine alone:
  rsg bench --model resnet50 --bs 64

Exit codes: 0 done, 1 failed, 2 refused input, 3 jobs of the sweep failed, 130 interrupted.
Settings: flags over environment over ~/.config/rsg/config.yaml (operator_file, output, color, agent_program).)";

int Run(int argc, char** argv) {
  int exit_code = rsg::cli::kDone;
  CLI::App app("Ready, Steady, Go! measures how fast machines train image classifiers.", "rsg");
  app.set_version_flag("--version", Version());
  app.require_subcommand(1);
  app.footer(kFooter);
  rsg::cli::AddServe(app, exit_code);
  rsg::cli::AddBench(app, exit_code);
  rsg::cli::AddSweep(app, exit_code);
  rsg::cli::AddAgents(app, exit_code);
  rsg::cli::AddResults(app, exit_code);
  rsg::cli::AddWandb(app, exit_code);
  rsg::cli::AddBackup(app, exit_code);
  rsg::cli::AddRestore(app, exit_code);
  rsg::cli::AddModels(app, exit_code);
  rsg::cli::AddCompletion(app, exit_code);
  return rsg::cli::ParseArguments(app, argc, argv).value_or(exit_code);
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of write(), not a reason to leave children behind
  // gRPC's own log says less than the errors that are reported; GRPC_VERBOSITY brings it back.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    rsg::cli::Say(fmt::format("internal error: {}", error.what()));
    return rsg::cli::kFailed;
  }
}
