// The coordinator's answers as rows of a table. Pure; thread-safe.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "common/models.hpp"
#include "coordinator/cli/table.hpp"
#include "rsg/v1/control.pb.h"

namespace rsg::cli {

/// As the view v_results of the database names them.
std::vector<Column> ResultColumns();
Row ToRow(const v1::ResultRow& result);

std::vector<Column> JobColumns();
/// `drift_share`: of the control cell on the job's device.
Row ToRow(const v1::Job& job, std::optional<double> drift_share = std::nullopt);

std::vector<Column> SweepColumns();
Row ToRow(const v1::SweepStatus& sweep);

std::vector<Column> AgentColumns();
Row ToRow(const v1::Agent& agent);

std::vector<Column> TokenColumns();
Row ToRow(const v1::Token& token);

std::vector<Column> ModelColumns();
Row ToRow(const ModelEntry& model);

/// "2026-01-31T12:00:00Z"; empty for 0 and what is no time.
std::string Iso8601(double unix_seconds);

/// "resnet50 bs 64, 224 px, fp32, nchw", and the mode when it is not the standard one.
std::string CellText(const v1::Cell& cell);

/// "2x NVIDIA GeForce RTX 3090", or "AMD EPYC 7443" for a machine without GPUs.
std::string DevicesText(const v1::MachineFacts& machine);

}  // namespace rsg::cli
