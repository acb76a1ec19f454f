// Draws a block of lines on a terminal, again and again in the same place. Pure: gives the bytes to write.
#pragma once
#include <string>
#include <vector>

namespace rsg::cli {

class Painter {
 public:
  /// The bytes that put `lines` in the place of the block drawn before. `width`: the terminal's columns now; when it
  /// has shrunk since, the terminal has wrapped the old lines, which is accounted for.
  std::string Paint(const std::vector<std::string>& lines, int width);

  /// The bytes that remove the block, leaving the cursor where it began.
  std::string Clear(int width);

 private:
  std::string Home(int width) const;
  std::vector<int> drawn_;  // the widths of the lines on the screen
};

/// Columns that `line` takes, colour sequences (ESC [ ... m) not counted.
int VisibleWidth(const std::string& line);

}  // namespace rsg::cli
