// A run's history: which line is what, and what it says. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "coordinator/store/outbox.hpp"
#include "coordinator/wandb/fields.hpp"

namespace rsg::wandb {

/// A line of the history, or the summary.
struct Line {
  Fields fields;
  std::uint32_t step = 0;
  double timestamp = 0;  ///< seconds since 1970-01-01 UTC
  double runtime = 0;    ///< seconds since the first attempt began
};

/// Where a line comes from.
struct LineSource {
  enum class Kind { kFacts, kWindow, kEnd } kind = Kind::kFacts;
  std::size_t attempt = 0;     ///< index into RunContent::attempts; of a window or an end
  std::uint32_t sequence = 0;  ///< of a window
};

/// `run` must outlive it. Numbering: store/outbox.hpp.
class History {
 public:
  explicit History(const store::RunContent& run);

  std::uint32_t lines() const { return lines_; }
  /// `line` is one of lines().
  LineSource SourceOf(std::uint32_t line) const;

  Line Facts() const;
  Line OfWindow(std::uint32_t line, const LineSource& source, const v1::Window& window) const;
  Line OfEnd(std::uint32_t line, const LineSource& source) const;
  /// What W&B keeps of the first `lines` lines: the facts and the last end of an attempt among them. It depends on
  /// nothing else, so that a chunk that is sent again has the same summary. Keys without a value are left out.
  Line Summary(std::uint32_t lines) const;

 private:
  struct Segment {
    std::uint32_t first = 0;  // line of the first window
    std::uint32_t windows = 0;
    bool end = false;
  };
  double StartOf(std::size_t attempt) const;
  Line Make(std::uint32_t line, Fields fields, double timestamp) const;

  const store::RunContent& run_;
  std::vector<Segment> segments_;
  std::uint32_t lines_ = 1;
};

}  // namespace rsg::wandb
