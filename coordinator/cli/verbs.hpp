// The verbs of `rsg`. Each file cli/VERB.cpp adds its verb to the tree of commands and runs it from the verb's
// callback; main.cpp lists them. A callback stores its exit code in `exit_code`, which outlives the parsing.
#pragma once

#include <CLI/CLI.hpp>

namespace rsg::cli {

/// 0 done; 1 failed, said why on stderr as "rsg: ..."; 2 usage or refused input; 3 a sweep ended with jobs FAILED or
/// LOST; 130 interrupted.
enum ExitCode { kDone = 0, kFailed = 1, kUsage = 2, kJobsFailed = 3, kInterrupted = 130 };

void AddServe(CLI::App& parent, int& exit_code);
void AddBench(CLI::App& parent, int& exit_code);
void AddSweep(CLI::App& parent, int& exit_code);
void AddAgents(CLI::App& parent, int& exit_code);
void AddResults(CLI::App& parent, int& exit_code);
void AddWandb(CLI::App& parent, int& exit_code);
void AddBackup(CLI::App& parent, int& exit_code);
void AddRestore(CLI::App& parent, int& exit_code);
void AddModels(CLI::App& parent, int& exit_code);
/// Prints a completion script made from the whole tree: add it last.
void AddCompletion(CLI::App& parent, int& exit_code);

}  // namespace rsg::cli
