// `rsg sweep submit`.
#pragma once
#include <CLI/CLI.hpp>

#include "absl/status/statusor.h"
#include "coordinator/cli/client.hpp"

namespace rsg::cli {

void AddSweepSubmit(CLI::App& sweep, int& exit_code);

/// Submits under one request id, so that a try whose answer was lost is repeated without queueing twice.
absl::StatusOr<v1::SubmitSweepResponse> SubmitSweep(Client* client, const v1::SweepSpec& spec, bool dry_run);

}  // namespace rsg::cli
