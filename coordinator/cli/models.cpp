// `rsg models`.
#include "common/models.hpp"

#include "coordinator/cli/output.hpp"
#include "coordinator/cli/rows.hpp"

namespace rsg::cli {

void AddModels(CLI::App& parent, int& exit_code) {
  auto* app = parent.add_subcommand("models", "List the models that can be trained, and their image sizes");
  const auto flags = std::make_shared<OutputFlags>();
  AddOutputFlags(*app, flags.get());
  app->footer("Examples:\n  rsg models\n  rsg models -o json\n");
  app->callback([flags, &exit_code] {
    const auto output = MakeOutput(*flags);
    if (!output.ok()) {
      exit_code = Report(output.status());
      return;
    }
    const auto table = StandardTable(*output, ModelColumns());
    for (const ModelEntry& model : Models()) table->Add(ToRow(model));
    table->Finish();
    exit_code = FinishOutput();
  });
}

}  // namespace rsg::cli
