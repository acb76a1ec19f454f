#include <variant>

#include "agent/trainer/check.hpp"
#include "agent/trainer/command_line.hpp"
#include "agent/trainer/info.hpp"
#include "agent/trainer/probe.hpp"
#include "agent/trainer/run.hpp"

int main(int argc, char** argv) {
  using namespace rsg::trainer;
  const auto parsed = ParseCommandLine(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  const CommandLine& line = std::get<CommandLine>(parsed);
  switch (line.verb) {
    case Verb::kInfo:
      return ShowInfo(line.json);
    case Verb::kModels:
      return ShowModels(line.json);
    case Verb::kProbe:
      return ShowPeaks(line);
    case Verb::kCheck:
      return ShowCheck(line);
    case Verb::kRun:
      break;
  }
  return RunTraining(line);
}
