#include "common/suggest.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace rsg {
namespace {

constexpr std::size_t kMaxWord = 64;
constexpr std::size_t kLeastBeginning = 4;

// Optimal string alignment distance; three rows suffice.
std::size_t Distance(const std::string& a, const std::string& b) {
  std::array<std::vector<std::size_t>, 3> rows;
  for (auto& row : rows) row.resize(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    const auto& above = rows[(i - 1) % 3];
    auto& row = rows[i % 3];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], rows[(i - 2) % 3][j - 2] + 1);
    }
  }
  return rows[a.size() % 3][b.size()];
}

}  // namespace

std::string Nearest(std::string_view word, std::span<const std::string> known) {
  if (word.empty() || word.size() > kMaxWord) return "";
  const std::string wanted = absl::AsciiStrToLower(absl::string_view(word.data(), word.size()));
  std::string best;
  std::size_t least = kMaxWord;
  for (const std::string& candidate : known) {
    if (candidate.size() > kMaxWord) continue;
    const std::size_t distance = Distance(wanted, absl::AsciiStrToLower(candidate));
    const std::size_t allowed = std::max<std::size_t>(1, std::max(wanted.size(), candidate.size()) / 3);
    if (distance <= allowed && distance < least) {
      least = distance;
      best = candidate;
    }
  }
  if (!best.empty() || word.size() < kLeastBeginning) return best;
  const auto begins = [&wanted](const std::string& candidate) {
    return absl::StartsWith(absl::AsciiStrToLower(candidate), wanted);
  };
  const auto longer = std::find_if(known.begin(), known.end(), begins);
  return longer == known.end() ? "" : *longer;
}

}  // namespace rsg
