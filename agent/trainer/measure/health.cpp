#include "agent/trainer/measure/health.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string>

namespace rsg::trainer {
namespace {

std::string Complaint(double loss, const SkippedSteps& skipped) {
  std::string text;
  if (!std::isfinite(loss)) text = "the loss is not finite at the end";
  if (skipped.newest)
    text +=
        fmt::format("{}the loss scaler skipped the newest step, one of {} or more, for gradients that are not finite",
                    text.empty() ? "" : " and ", skipped.at_least);
  if (!text.empty())
    text +=
        ": the throughput stands, but this is no healthy training (a batch norm sees too few values, or the "
        "precision's "
        "range is too narrow)";
  return text;
}

}  // namespace

void FillHealth(double loss, const SkippedSteps& skipped, v1::Result* result) {
  if (std::isfinite(loss)) result->set_final_loss(loss);
  const std::string complaint = Complaint(loss, skipped);
  if (complaint.empty()) return;
  result->set_evidence(result->evidence().empty() ? complaint : result->evidence() + "; " + complaint);
}

}  // namespace rsg::trainer
