// Whether what was measured was training, too. Pure.
#pragma once
#include "agent/trainer/training/training_step.hpp"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// Sets final_loss where `loss`, that of the newest step, is finite. Where it is not, or where the newest step was
/// skipped, says so at the end of the evidence. The verdict stays: it is about the throughput, and a step with numbers
/// that are not finite does the same arithmetic (a skipped one leaves out the writing of the weights).
void FillHealth(double loss, const SkippedSteps& skipped, v1::Result* result);

}  // namespace rsg::trainer
