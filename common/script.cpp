#include "common/script.hpp"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/validate.hpp"

namespace rsg {
namespace {

constexpr std::string_view kPrefix = "script:";
constexpr std::string_view kNameBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
constexpr std::size_t kMaxNameBytes = 64;
constexpr int kMaxDimensions = 4;
constexpr std::uint32_t kMaxDimension = 65536;
constexpr std::uint64_t kMaxSampleNumbers = std::uint64_t{1} << 30;  // times a batch size: far from any overflow
constexpr std::size_t kHashShown = 8;

absl::Status Wrong(absl::string_view field, absl::string_view value, absl::string_view remedy) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", value, "; ", remedy));
}

absl::Status CheckName(std::string_view name) {
  constexpr absl::string_view kRemedy = "use 1 to 64 of A-Z a-z 0-9 . _ -";
  if (name.empty()) return Wrong("script.name", "empty", kRemedy);
  if (name.size() > kMaxNameBytes) return Wrong("script.name", absl::StrCat(name.size(), " bytes"), kRemedy);
  if (name.find_first_not_of(kNameBytes) != std::string_view::npos)
    return Wrong("script.name", absl::StrCat("'", absl::CHexEscape(std::string(name)), "' has other characters"),
                 kRemedy);
  return absl::OkStatus();
}

// Without the field, which has another name on a command line.
template <typename Numbers>
absl::Status CheckShape(const Numbers& shape) {
  if (static_cast<std::size_t>(shape.size()) > kMaxDimensions)
    return absl::InvalidArgumentError(absl::StrCat(shape.size(), " numbers; use 1 to 4, without the batch"));
  std::uint64_t numbers = 1;
  for (const std::uint32_t dimension : shape) {
    if (dimension < 1 || dimension > kMaxDimension)
      return absl::InvalidArgumentError(absl::StrCat(dimension, " is out of range; use 1 to ", kMaxDimension));
    numbers *= dimension;
    if (numbers > kMaxSampleNumbers)
      return absl::InvalidArgumentError(
          absl::StrCat("a sample has more than ", kMaxSampleNumbers, " numbers; use a smaller shape"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const v1::Script& script) {
  if (auto s = CheckName(script.name()); !s.ok()) return s;
  if (!IsHex(script.sha256(), 64))
    return Wrong("script.sha256", "not 64 lower-case hex digits", "send the SHA-256 of the file");
  if (script.bytes() == 0) return Wrong("script.bytes", "0 is out of range", "send the size of the file");
  if (auto s = CheckShape(script.sample_shape()); !s.ok())
    return absl::InvalidArgumentError(absl::StrCat("script.sample_shape: ", s.message()));
  return absl::OkStatus();
}

absl::Status CheckScriptSize(const v1::Script& script, std::uint32_t image_size) {
  if (!script.sample_shape().empty()) {
    const std::uint32_t last = *script.sample_shape().rbegin();
    if (image_size == last) return absl::OkStatus();
    return Wrong("size", absl::StrCat(image_size, " is not the last number of the declared shape"),
                 absl::StrCat("leave the size out or use ", last));
  }
  if (image_size >= 1 && image_size <= kMaxScriptImageSize) return absl::OkStatus();
  return Wrong("size", absl::StrCat(image_size, " is out of range"), absl::StrCat("use 1 to ", kMaxScriptImageSize));
}

absl::Status CheckScriptFormat(const v1::Script& script, v1::MemoryFormat format) {
  if (format != v1::MEMORY_FORMAT_NHWC || TakesImages(script)) return absl::OkStatus();
  return Wrong("memory_format",
               absl::StrCat("nhwc orders images, and the declared shape has ", script.sample_shape().size(),
                            script.sample_shape().size() == 1 ? " number" : " numbers"),
               "use nchw, or declare C,H,W");
}

bool TakesImages(const v1::Script& script) {
  constexpr int kImageDimensions = 3;
  return script.sample_shape().empty() || script.sample_shape().size() == kImageDimensions;
}

std::uint32_t DefaultImageSize(const v1::Script& script) {
  constexpr std::uint32_t kUsual = 224;
  return script.sample_shape().empty() ? kUsual : *script.sample_shape().rbegin();
}

std::vector<std::uint32_t> ScriptSampleShape(const v1::Script& script, std::uint32_t image_size) {
  if (script.sample_shape().empty()) return {3, image_size, image_size};
  return {script.sample_shape().begin(), script.sample_shape().end()};
}

std::string ScriptModel(const v1::Script& script) { return std::string(kPrefix) + script.name(); }

bool IsScriptModel(std::string_view model) { return model.starts_with(kPrefix); }

std::string DescribeModel(const v1::Cell& cell) {
  if (!cell.has_script()) return cell.model();
  return absl::StrCat(cell.model(), " (", cell.script().sha256().substr(0, kHashShown), ")");
}

std::string ScriptNameOf(std::string_view stem) {
  std::string name(stem.substr(0, kMaxNameBytes));
  for (char& byte : name)
    if (kNameBytes.find(byte) == std::string_view::npos) byte = '_';
  return name;
}

absl::StatusOr<std::vector<std::uint32_t>> ParseSampleShape(std::string_view text) {
  constexpr std::size_t kMaxShown = 64;
  std::vector<std::uint32_t> shape;
  const absl::string_view all(text.data(), text.size());
  for (const absl::string_view part : absl::StrSplit(all, ',')) {
    std::uint32_t dimension = 0;
    if (!absl::SimpleAtoi(part, &dimension))
      return absl::InvalidArgumentError(
          absl::StrCat("'", all.substr(0, kMaxShown), "' is no list of whole numbers; write C,H,W, e.g. 3,224,224"));
    if (shape.push_back(dimension); shape.size() > kMaxDimensions) break;
  }
  if (auto s = CheckShape(shape); !s.ok()) return s;
  return shape;
}

std::string SampleShapeText(const std::vector<std::uint32_t>& shape) { return absl::StrJoin(shape, "x"); }

}  // namespace rsg
