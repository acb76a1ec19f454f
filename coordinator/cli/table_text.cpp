// Tables for people.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_replace.h"
#include "common/text.hpp"
#include "coordinator/cli/table.hpp"

namespace rsg::cli {
namespace {

constexpr int kGap = 2;
constexpr int kNarrowest = 6;  // a text column is not cut below this

std::string Shown(const Value& value, const Column& column, bool unicode) {
  if (std::holds_alternative<bool>(value)) return std::get<bool>(value) ? "yes" : "no";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<double>(&value))
    return std::isfinite(*number) ? fmt::format("{:.{}f}", *number, column.digits) : "";
  if (const auto* text = std::get_if<std::string>(&value)) return Printable(*text, unicode);
  return "";
}

std::string Heading(const Column& column, bool unicode) {
  const std::string& heading = column.heading.empty() ? column.name : column.heading;
  return unicode ? heading : absl::StrReplaceAll(heading, {{"\u00b1", "+/-"}});
}

// The columns that are shown, their texts and widths.
struct Layout {
  std::vector<std::size_t> columns;
  std::vector<std::vector<std::string>> cells;  // by shown column, then row; the heading first
  std::vector<int> widths;
  std::size_t dropped = 0;
};

int Total(const Layout& layout) {
  const int gaps = kGap * std::max<int>(0, static_cast<int>(layout.widths.size()) - 1);
  return std::accumulate(layout.widths.begin(), layout.widths.end(), gaps);
}

// Cuts the widest text columns, one column at a time, until the table fits or nothing is left to cut.
void Shrink(const std::vector<Column>& columns, int width, Layout* layout) {
  while (Total(*layout) > width) {
    int* widest = nullptr;
    for (std::size_t i = 0; i < layout->widths.size(); ++i) {
      const bool text = !columns[layout->columns[i]].numeric;
      if (text && layout->widths[i] > kNarrowest && (widest == nullptr || layout->widths[i] > *widest))
        widest = &layout->widths[i];
    }
    if (widest == nullptr) return;
    --*widest;
  }
}

int SmallestTotal(const std::vector<Column>& columns, const Layout& layout) {
  Layout smallest = layout;
  Shrink(columns, 0, &smallest);
  return Total(smallest);
}

void DropOne(const std::vector<Column>& columns, Layout* layout, bool* dropped) {
  const auto last = std::max_element(layout->columns.begin(), layout->columns.end(),
                                     [&](std::size_t a, std::size_t b) { return columns[a].drop < columns[b].drop; });
  *dropped = last != layout->columns.end() && columns[*last].drop > 0;
  if (!*dropped) return;
  const auto at = last - layout->columns.begin();
  layout->columns.erase(last);
  layout->cells.erase(layout->cells.begin() + at);
  layout->widths.erase(layout->widths.begin() + at);
  ++layout->dropped;
}

Layout Arrange(const std::vector<Column>& columns, const std::vector<Row>& rows, const Style& style) {
  Layout layout;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].detail) continue;
    std::vector<std::string> cells{Heading(columns[i], style.unicode)};
    for (const Row& row : rows) cells.push_back(Shown(row.at(i), columns[i], style.unicode));
    const auto empty = [](const std::string& cell) { return cell.empty(); };
    if (columns[i].sparse && std::all_of(cells.begin() + 1, cells.end(), empty)) continue;
    int width = 0;
    for (const std::string& cell : cells) width = std::max(width, DisplayWidth(cell));
    layout.columns.push_back(i);
    layout.cells.push_back(std::move(cells));
    layout.widths.push_back(width);
  }
  if (style.width <= 0) return layout;
  for (bool dropped = true; dropped && SmallestTotal(columns, layout) > style.width;)
    DropOne(columns, &layout, &dropped);
  Shrink(columns, style.width, &layout);
  return layout;
}

std::string Padded(const std::string& text, int width, bool right) {
  const std::string space(static_cast<std::size_t>(std::max(0, width - DisplayWidth(text))), ' ');
  return right ? space + text : text + space;
}

}  // namespace

std::vector<std::string> TableLines(const std::vector<Column>& columns, const std::vector<Row>& rows,
                                    const Style& style) {
  const Layout layout = Arrange(columns, rows, style);
  std::vector<std::string> lines;
  for (std::size_t r = 0; r <= rows.size(); ++r) {
    std::string line;
    int room = style.width > 0 ? style.width : 1 << 20;  // what even the smallest table exceeds is cut off
    for (std::size_t c = 0; c < layout.columns.size() && room > 0; ++c) {
      const Column& column = columns[layout.columns[c]];
      const bool last = c + 1 == layout.columns.size();
      const int width = std::min(layout.widths[c], room);
      const std::string text = Fit(layout.cells[c][r], width, style.unicode);
      std::string cell = last && !column.numeric ? text : Padded(text, width, column.numeric);
      const auto ink = r == 0                  ? std::optional<Ink>(Ink::kDim)
                       : column.ink != nullptr ? column.ink(rows[r - 1][layout.columns[c]])
                                               : std::nullopt;
      line += ink ? Inked(style, *ink, cell) : cell;
      room -= width + kGap;
      if (!last && room > 0) line.append(kGap, ' ');
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::size_t DroppedColumns(const std::vector<Column>& columns, const std::vector<Row>& rows, const Style& style) {
  return Arrange(columns, rows, style).dropped;
}

}  // namespace rsg::cli
