#include "agent/facts/facts.hpp"

#include "absl/strings/str_cat.h"
#include "agent/facts/host.hpp"
#include "agent/facts/machine_id.hpp"
#include "agent/protocol/text.hpp"
#include "common/memory.hpp"
#include "common/validate.hpp"

namespace rsg::agent {

absl::StatusOr<v1::MachineFacts> GatherFacts(const v1::TrainerInfo& trainer, const std::string& credential_sha256,
                                             const std::filesystem::path& root,
                                             const std::filesystem::path& state_folder) {
  const auto machine_id = MachineId(root, state_folder);
  if (!machine_id.ok()) return machine_id.status();
  v1::MachineFacts facts;
  facts.set_machine_id(*machine_id);
  facts.set_hostname(Hostname());
  facts.set_operating_system(OperatingSystem(root));
  facts.set_cpu_model(CpuModel(root));
  facts.set_logical_cpus(AllowedCpus());
  facts.set_memory_mib(MemoryMib(root));
  facts.set_driver_version(CleanHead(trainer.driver_version(), 64));
  *facts.mutable_stack() = trainer.stack();
  for (const v1::ModelInfo& model : trainer.models()) facts.add_models(model.name());
  for (const v1::Device& announced : trainer.devices()) {
    v1::Device* device = facts.add_devices();
    *device = announced;
    if (device->kind() != v1::DEVICE_KIND_CPU) continue;
    device->set_id(CpuDeviceId(*machine_id, credential_sha256));
    // The trainer may not know of the control group's limit.
    if (device->memory_mib() == 0 || (facts.memory_mib() != 0 && facts.memory_mib() < device->memory_mib()))
      device->set_memory_mib(facts.memory_mib());
    if (device->name().empty()) device->set_name(facts.cpu_model());
  }
  if (const absl::Status status = Validate(facts); !status.ok())
    return absl::FailedPreconditionError(absl::StrCat(
        "the trainer announces a machine that cannot be: ", status.message(), "; check 'rsg-trainer info'"));
  return facts;
}

}  // namespace rsg::agent
