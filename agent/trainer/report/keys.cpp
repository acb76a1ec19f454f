#include "agent/trainer/report/keys.hpp"

#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/trainer/measure/method.hpp"
#include "common/files.hpp"
#include "common/fingerprint.hpp"
#include "common/script.hpp"
#include "common/words.hpp"

namespace rsg::trainer {
namespace {

std::string MethodKey(const v1::Cell& cell, const v1::Flags& flags) {
  // A script is its file and the shape of its samples; what somebody calls it is no matter.
  const bool script = cell.has_script();
  const std::string model = script ? absl::StrCat("script:", cell.script().sha256()) : cell.model();
  const std::string size =
      script ? SampleShapeText(ScriptSampleShape(cell.script(), cell.image_size())) : absl::StrCat(cell.image_size());
  const std::string batch = absl::StrCat(cell.batch_size());
  const std::string precision = Word(cell.precision());
  const std::string format = Word(cell.memory_format());
  const std::string mode = Word(cell.mode());
  // In the order of their numbers in types.proto.
  const std::string switches =
      absl::StrCat(flags.cudnn_benchmark(), flags.cudnn_allow_tf32(), flags.matmul_allow_tf32(), flags.autocast(),
                   flags.grad_scaler(), flags.cuda_graph());
  const std::string version = absl::StrCat(kMethodVersion);
  const std::string attention = absl::StrCat("attention ", flags.attention());
  std::vector<std::string_view> parts{"method", version,   mode,   model,    size,
                                      batch,    precision, format, switches, flags.autocast_dtype()};
  // Only where there is attention: all other methods are what they were before it was told.
  if (!flags.attention().empty()) parts.push_back(attention);
  return Fingerprint(parts);
}

}  // namespace

v1::Keys MakeKeys(const v1::Cell& cell, const v1::Flags& flags, const v1::Stack& stack,
                  const MachineIdentity& machine) {
  const std::string threads = machine.gpu_uuid.empty() ? absl::StrCat(flags.threads()) : "";
  v1::Keys keys;
  keys.set_method(MethodKey(cell, flags));
  keys.set_stack(Fingerprint({"stack", stack.torch_version(), stack.cuda_version(), stack.cudnn_version()}));
  keys.set_machine(
      Fingerprint({"machine", machine.host, machine.driver_version, machine.gpu_uuid, machine.cpu_name, threads}));
  return keys;
}

std::string HostName(const std::string& root) {
  constexpr std::size_t kMaxBytes = 4096;
  for (const char* file : {"etc/machine-id", "var/lib/dbus/machine-id", "sys/class/dmi/id/product_uuid"}) {
    const auto content = ReadFile(root + file, kMaxBytes);
    if (!content.ok()) continue;
    const std::string id(absl::StripAsciiWhitespace(*content));
    if (!id.empty() && id != "uninitialized") return id;
  }
  char name[256] = "";
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace rsg::trainer
