#include "coordinator/cli/painter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/text.hpp"

namespace rsg::cli {

int VisibleWidth(const std::string& line) {
  std::string plain;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b')
      i = std::min(line.find('m', i), line.size());
    else
      plain.push_back(line[i]);
  }
  return DisplayWidth(plain);
}

std::string Painter::Home(int width) const {
  int rows = 0;
  for (const int line : drawn_) rows += width > 0 ? std::max(1, (line + width - 1) / width) : 1;
  return rows == 0 ? "\r" : fmt::format("\r\x1b[{}A", rows);
}

std::string Painter::Paint(const std::vector<std::string>& lines, int width) {
  std::string bytes = Home(width);
  drawn_.clear();
  for (const std::string& line : lines) {
    bytes += line + "\x1b[K\n";  // the rest of the line is wiped, not the line: nothing flickers
    drawn_.push_back(VisibleWidth(line));
  }
  return bytes + "\x1b[J";
}

std::string Painter::Clear(int width) {
  std::string bytes = Home(width) + "\x1b[J";
  drawn_.clear();
  return bytes;
}

}  // namespace rsg::cli
