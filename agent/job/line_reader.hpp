// Cuts a stream into lines of bounded length. Pure.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace rsg::agent {

class LineReader {
 public:
  explicit LineReader(std::size_t max_line) : max_line_(max_line) {}

  /// Calls `line` for each line that `text` completes, without its newline. False once a line is longer than allowed;
  /// nothing is read after that.
  bool Feed(std::string_view text, const std::function<void(std::string_view)>& line) {
    while (!overlong_ && !text.empty()) {
      const std::size_t newline = text.find('\n');
      const std::string_view piece = text.substr(0, newline);
      overlong_ = partial_.size() + piece.size() > max_line_;
      if (overlong_) break;
      partial_.append(piece);
      if (newline == std::string_view::npos) break;
      line(partial_);
      partial_.clear();
      text.remove_prefix(newline + 1);
    }
    return !overlong_;
  }

  /// Whether the stream stands in the middle of a line.
  bool in_line() const { return !partial_.empty() || overlong_; }

 private:
  const std::size_t max_line_;
  std::string partial_;
  bool overlong_ = false;
};

}  // namespace rsg::agent
