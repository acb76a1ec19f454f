// TorchScript modules that are trained in place of a model that ships (message Script): names, shapes, checks. No
// LibTorch here. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rsg/v1/types.pb.h"

namespace rsg {

/// The most bytes that a script's file may have.
inline constexpr std::uint64_t kMaxScriptBytes = 0xFFFF'FFFF;
/// The largest images of a script that declares no shape.
inline constexpr std::uint32_t kMaxScriptImageSize = 4096;

/// Name of 1 to 64 of A-Z a-z 0-9 . _ -, sha256 of 64 hex digits, bytes >= 1, a shape of at most 4 numbers of 1..65536
/// and 2^30 together. INVALID_ARGUMENT: "script.field: value is wrong; remedy".
absl::Status Validate(const v1::Script& script);

/// Whether cells of `script`, which is valid, can have this image size, this memory format. INVALID_ARGUMENT as in
/// validate.hpp.
absl::Status CheckScriptSize(const v1::Script& script, std::uint32_t image_size);
absl::Status CheckScriptFormat(const v1::Script& script, v1::MemoryFormat format);

/// Whether its samples are images of some sort, three numbers, which alone can lie in NHWC order.
bool TakesImages(const v1::Script& script);
/// Image size of a cell of `script` that is given none: the last number of the shape that it declares, else 224.
std::uint32_t DefaultImageSize(const v1::Script& script);
/// Shape of one sample without the batch: as declared, else 3 x image_size x image_size.
std::vector<std::uint32_t> ScriptSampleShape(const v1::Script& script, std::uint32_t image_size);

/// What Cell.model says of it: "script:NAME".
std::string ScriptModel(const v1::Script& script);
bool IsScriptModel(std::string_view model);
/// A cell's model for people: its name, with a script also the beginning of the file's hash: "script:NAME (1a2b3c4d)".
std::string DescribeModel(const v1::Cell& cell);

/// A name for the file "STEM.pt": each byte that a name cannot have becomes '_', and it ends after 64.
std::string ScriptNameOf(std::string_view stem);
/// The shape of "3,224,224": 1 to 4 numbers of 1..65536. INVALID_ARGUMENT says what is wrong, without the field.
absl::StatusOr<std::vector<std::uint32_t>> ParseSampleShape(std::string_view text);
/// "3x224x224".
std::string SampleShapeText(const std::vector<std::uint32_t>& shape);

}  // namespace rsg
