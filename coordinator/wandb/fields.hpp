// What a run in W&B says: keys and values, not yet W&B's wire. Pure.
//
// The keys of the tool that RSG succeeds come first, with its names and types, so that the notebook written for it
// reads our runs; ours stand beside them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "coordinator/store/outbox.hpp"
#include "rsg/v1/control.pb.h"

namespace rsg::wandb {

using Value = std::variant<std::nullptr_t, bool, std::int64_t, double, std::string>;
using Fields = std::vector<std::pair<std::string, Value>>;

/// Whether a measured job carries the key `throughput`. The notebook takes the best batch size of each device name,
/// model and fp16, whatever else differs, so only jobs that mean the same may have it: the standard or the original
/// loop, the first memory format and the first image size that the sweep names (without any, each model's own), fp16 or
/// the first of fp32, fp32-strict and tf32 that it names; never a control cell. `spec` has its defaults filled in.
bool IsCanonical(const v1::SweepSpec& spec, const v1::Cell& cell, v1::Role role);

/// Known when the job starts: line 0 of the history, the run's config, and in its summary.
Fields FactsOf(const store::RunContent& run);
/// A window of an attempt.
Fields WindowFields(const v1::Window& window, std::int64_t attempt);
/// The end of an attempt: the result when it COMPLETED, else the outcome and why.
Fields EndFields(const store::RunContent& run, const schedule::AttemptRecord& attempt);

/// "RTX 3090 · resnet50 · bs 256 · fp16", and what is unusual about it; at most 128 bytes.
std::string DisplayName(const store::RunContent& run);
/// Of the sweep; the digits tell apart the sweeps s3 of two coordinators that send into one project.
std::string GroupName(const store::RunContent& run);
std::vector<std::string> Tags(const store::RunContent& run);

}  // namespace rsg::wandb
