// How far control cells have drifted, in words. Pure; thread-safe.
#pragma once
#include <string>
#include <vector>

#include "coordinator/cli/terminal.hpp"
#include "rsg/v1/control.pb.h"

namespace rsg::cli {

/// "-0.4 % ± 0.9 %", with "+/-" where the terminal has no Unicode; "" while the share is unknown.
std::string DriftText(const v1::Drift& drift, bool unicode);

/// One device in a line: "box (Tesla T4): 101.20 -> 100.80 samples/s, -0.4 % ± 0.9 %"; or why there is no drift:
/// "box (Tesla T4): at the start FAILED, killed by SIGSEGV". "" while it is not known which.
std::string DriftLine(const v1::Drift& drift, bool unicode);

/// A sweep's in a few words: "control drift -0.4 % ± 0.9 %", of several devices the largest, called so. "" when there
/// is none.
std::string DriftSummary(const v1::SweepStatus& sweep, bool unicode);

/// The drift of each sweep, from the results of control jobs in the order of their numbers. Keeps the newest sweeps.
class DriftBook {
 public:
  struct OfSweep {
    std::string sweep_id;
    google::protobuf::RepeatedPtrField<v1::Drift> drift;
  };

  /// Jobs that are no control jobs are passed over.
  void Add(const v1::Job& job);

  /// "control cells, start -> end:" and a line for each device; at most `most` of these, the newest, and how many more
  /// there are. Nothing when there is nothing to tell.
  std::vector<std::string> Lines(std::size_t most, bool unicode) const;

 private:
  std::vector<OfSweep> sweeps_;
};

}  // namespace rsg::cli
