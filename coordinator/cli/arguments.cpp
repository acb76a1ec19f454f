#include "coordinator/cli/arguments.hpp"

#include <iostream>

#include "common/arguments.hpp"
#include "coordinator/cli/output.hpp"

namespace rsg::cli {

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
    if (argc <= 1)
      std::cerr << app.help();
    else
      Say(ExplainMistake(app, error));
    return kUsage;
  }
}

}  // namespace rsg::cli
