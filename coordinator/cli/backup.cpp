// `rsg backup` and `rsg restore`.
#include <fmt/format.h>
#include <unistd.h>

#include "coordinator/cli/output.hpp"
#include "coordinator/cli/state_folder.hpp"
#include "coordinator/server/state_backup.hpp"

namespace rsg::cli {
namespace {

struct Flags {
  OutputFlags output;
  std::string folder;
  std::string state;
  bool no_scripts = false;
};

std::vector<Column> Columns() {
  std::vector<Column> columns{{.name = "folder"}};
  for (const char* name : {"sweeps", "results", "windows", "scripts", "bytes"})
    columns.push_back({.name = name, .numeric = true});
  return columns;
}

int Show(const Output& output, const std::filesystem::path& folder, const absl::StatusOr<server::Copied>& copied) {
  if (!copied.ok()) return Report(copied.status());
  const auto table = StandardTable(output, Columns());
  table->Add({folder.string(), copied->holdings.sweeps, copied->holdings.results, copied->holdings.windows,
              static_cast<std::int64_t>(copied->scripts), static_cast<std::int64_t>(copied->bytes)});
  table->Finish();
  return FinishOutput();
}

CLI::App* AddFolderVerb(CLI::App& parent, const char* name, const char* what, const char* folder_help,
                        const std::shared_ptr<Flags>& flags) {
  auto* app = parent.add_subcommand(name, what);
  app->add_option("folder", flags->folder, folder_help)->required()->type_name("FOLDER");
  app->add_option("--state", flags->state, "The coordinator's; default $RSG_STATE, else ~/.local/state/rsg/coordinator")
      ->type_name("FOLDER");
  AddOutputFlags(*app, &flags->output);
  return app;
}

}  // namespace

void AddBackup(CLI::App& parent, int& exit_code) {
  const auto flags = std::make_shared<Flags>();
  auto* app =
      AddFolderVerb(parent, "backup", "Copy a coordinator's state while it runs", "Where to; must not exist", flags);
  app->add_flag("--no-scripts", flags->no_scripts,
                "Leave TorchScript files out; jobs that need one fail after a restore");
  app->footer(
      "On the coordinator's machine. The copy holds all results, the certificate authority and the lines of operator "
      "and\n"
      "agents, so it is as secret as the state folder (W&B's key is not in it). It appears whole or not at all.\n\n"
      "Examples:\n  rsg backup /backups/rsg-$(date +%F)\n  rsg restore /backups/rsg-2026-11-25 --state ~/rsg\n");
  app->callback([flags, &exit_code] {
    const auto output = MakeOutput(flags->output);
    exit_code = !output.ok() ? Report(output.status())
                             : Show(*output, flags->folder,
                                    server::BackUp(CoordinatorState(flags->state), flags->folder, !flags->no_scripts));
  });
}

void AddRestore(CLI::App& parent, int& exit_code) {
  const auto flags = std::make_shared<Flags>();
  auto* app = AddFolderVerb(parent, "restore", "Make a coordinator's state folder of a backup",
                            "That 'rsg backup' made", flags);
  app->footer(
      "Then start 'rsg serve' on the folder, under the address that agents know: they come back by themselves. What "
      "was\n"
      "stored after the backup is gone; jobs that ended since then run again.\n\n"
      "Examples:\n  rsg restore /backups/rsg-2026-11-25\n  rsg restore /backups/rsg-2026-11-25 --state ~/rsg\n");
  app->callback([flags, &exit_code] {
    const auto state = CoordinatorState(flags->state);
    const auto output = MakeOutput(flags->output);
    exit_code = !output.ok() ? Report(output.status()) : Show(*output, state, server::Restore(flags->folder, state));
  });
}

}  // namespace rsg::cli
