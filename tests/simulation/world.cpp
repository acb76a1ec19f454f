#include "world.hpp"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/secret.hpp"
#include "coordinator/store/store.hpp"

namespace rsg::sim {
namespace {

constexpr std::uint64_t kMostSteps = 1'000'000;
constexpr double kEndSeconds = 4000;    // after the last fault everything that can end has ended
constexpr double kCancelSeconds = 120;  // and what cannot is cancelled

// The disk of a coordinator that was started once and ended.
const Disk::Image& NewDatabase() {
  static const Disk::Image image = [] {
    Random random(1);
    Disk disk(&random);
    const DiskVfs vfs(&disk, 1);
    if (const auto store = store::Store::Open(Coordinator::database()); !store.ok()) std::abort();
    return disk.Save();
  }();
  return image;
}

// Before the VFS of the world is there, for making the image takes one of its own.
std::uint64_t Prepared(std::uint64_t seed) {
  (void)NewDatabase();
  return seed;
}

}  // namespace

World::World(std::uint64_t seed, bool tracing)
    : basis_(Prepared(seed)),
      profile_(DrawProfile(&basis_.random)),
      disk_(&basis_.random),
      vfs_(&disk_, seed),
      ledger_(&basis_),
      audit_(&basis_, &ledger_, &disk_, profile_.settings, profile_.contested),
      coordinator_(&basis_, &ledger_, &disk_, &audit_, profile_.settings),
      operator_(&basis_, &ledger_, &coordinator_, &audit_) {
  basis_.tracing = tracing;
}

World::~World() = default;

std::optional<std::string> World::Run() {
  if (!profile_.empty_disk) disk_.Load(NewDatabase());
  if (profile_.empty_disk) disk_.FailPowerIn(1 + basis_.random.Below(200));
  MakePlaces();
  coordinator_.Start();
  operator_.MakeToken([this](const std::string& secret) {
    token_ = secret;
    for (auto& place : places_)
      basis_.time.After(basis_.random.Exponential(5), [this, at = place.get()] { StartProcess(*at); });
  });
  PlanSweeps();
  PlanFaults();
  Probe();
  while (!basis_.violation && Step(profile_.fault_seconds)) {
  }
  Calm();
  if (!RunUntilEnded(basis_.time.now() + kEndSeconds)) {
    if (const std::string stuck = Stuck(); !stuck.empty())
      basis_.Violate("{} s after the last fault this has not ended: {}", kEndSeconds, stuck);
    for (const std::int64_t sweep : operator_.sweeps()) operator_.Cancel(sweep);
    if (!RunUntilEnded(basis_.time.now() + kCancelSeconds))
      basis_.Violate("cancelled, and this has not ended: {}", audit_.Unfinished());
  }
  EndCopies();
  audit_.CheckEnd();
  return basis_.violation;
}

bool World::Step(double until) {
  if (++steps_ > kMostSteps) basis_.Violate("no end after {} steps", kMostSteps);
  return basis_.time.Step(until);
}

bool World::RunUntilEnded(double until) {
  while (!basis_.violation && basis_.time.now() < until) {
    const double next = std::min(until, basis_.time.now() + 20);
    while (!basis_.violation && Step(next)) {
    }
    if (coordinator_.up() && operator_.waiting() == 0 && audit_.Unfinished().empty()) return true;
  }
  return false;
}

// What has not ended although its machine is there.
std::string World::Stuck() {
  std::string stuck;
  if (operator_.waiting() > 0) stuck = "a sweep that was submitted\n";
  for (const auto line : absl::StrSplit(audit_.Unfinished(), '\n', absl::SkipEmpty())) {
    const bool on_device = absl::StrContains(line, " on ");
    for (const auto& place : places_)
      for (const v1::Device& device : place->box.machine.devices())
        if (on_device && !place->box.gone && absl::StrContains(line, device.id())) absl::StrAppend(&stuck, line, "\n");
  }
  return stuck;
}

void World::MakePlaces() {
  const auto add = [](v1::MachineFacts* machine, v1::DeviceKind kind, const std::string& id, const char* name) {
    v1::Device& device = *machine->add_devices();
    device.set_id(id);
    device.set_kind(kind);
    device.set_name(name);
    device.add_precisions(v1::PRECISION_FP32);
  };
  for (std::size_t i = 0; i < profile_.agents; ++i) {
    auto place = std::make_unique<Place>();
    Box& box = place->box;
    box.number = i;
    box.name = absl::StrCat("agent", i);
    box.secret_sha256 = Sha256Hex(basis_.random.Hex(8));
    box.disk = std::make_unique<Disk>(&basis_.random);
    // Often one window each.
    box.segment_bytes = basis_.random.Chance(0.4)   ? agent::SpoolLog::kSegmentBytes
                        : basis_.random.Chance(0.5) ? 1
                                                    : basis_.random.Below(1000);
    box.trouble = profile_.trouble;
    box.machine.set_machine_id(box.secret_sha256.substr(0, 16));
    if (profile_.contested || basis_.random.Chance(0.5)) {
      const std::size_t gpu = profile_.contested && i < 2 ? 0 : i;
      add(&box.machine, v1::DEVICE_KIND_GPU, absl::StrCat("GPU-", gpu), "NVIDIA GeForce RTX 3090");
    }
    add(&box.machine, v1::DEVICE_KIND_CPU, absl::StrCat("CPU-", i), "AMD EPYC");
    box.machine.add_models("resnet18");
    box.machine.add_models("resnet50");
    if (basis_.random.Chance(0.3)) box.drain_limit = basis_.random.Between(1, 20);
    if (basis_.random.Chance(0.3)) box.wall += basis_.random.Between(-1e5, 1e5);
    place->weather.latency = profile_.latency;
    places_.push_back(std::move(place));
  }
}

v1::SweepSpec World::DrawSpec() {
  Random& random = basis_.random;
  v1::SweepSpec spec;
  spec.add_models("resnet18");
  if (random.Chance(0.3)) spec.add_models("resnet50");
  for (const std::uint32_t batch_size : {2u, 4u, 8u, 16u})
    if (spec.batch_sizes().empty() || random.Chance(0.3)) spec.add_batch_sizes(batch_size);
  if (random.Chance(0.2)) spec.set_repeats(2);
  spec.set_control(random.Chance(0.3));
  spec.mutable_limits()->set_seconds(5);
  spec.mutable_limits()->set_max_seconds(20);
  v1::DeviceSelector& devices = *spec.mutable_devices();
  if (random.Chance(0.5)) devices.set_kind(random.Chance(0.5) ? v1::DEVICE_KIND_CPU : v1::DEVICE_KIND_GPU);
  if (random.Chance(0.3)) devices.set_machines(1);
  if (random.Chance(0.2)) devices.set_open_for_seconds(random.Between(10, 100));
  return spec;
}

void World::PlanSweeps() {
  const std::size_t sweeps = 1 + basis_.random.Below(3);
  for (std::size_t i = 0; i < sweeps; ++i)
    basis_.time.At(basis_.random.Between(0, profile_.fault_seconds / 2), [this] { operator_.Submit(DrawSpec()); });
}

void World::StartProcess(Place& place) {
  if (place.box.gone || place.process) return;
  place.box.join_token = token_;
  if (!basis_.calm && basis_.random.Chance(profile_.agent_disk_rots)) {
    place.box.disk->Rot();
    ledger_.SpoolHurt(place.box.number);
  }
  place.process = std::make_unique<AgentProcess>(&basis_, &ledger_, &place.weather, &coordinator_, &place.box);
  place.process->Run([this, &place](int code) { Exited(place, code); }, [this, &place] { Killed(place); });
}

void World::Exited(Place& place, int code) {
  if (!place.process || !place.process->over()) return;  // killed in the same moment
  if (place.process->superseded()) return Superseded(place);
  // A coordinator that forgets an agent again before it has welcomed it looks like one that refuses it.
  if (code != 0 && !place.process->signalled() && ledger_.put_back() < 2)
    basis_.Violate("agent {} gave up, with exit code {}", place.box.number, code);
  place.process.reset();
  basis_.time.After(basis_.random.Exponential(10), [this, &place] { StartProcess(place); });
}

void World::Killed(Place& place) {
  if (!place.process || !place.process->over()) return;  // once more, in the same moment
  place.process.reset();
  basis_.time.After(basis_.random.Exponential(10), [this, &place] { StartProcess(place); });
}

void World::Probe() {
  coordinator_.ProbeRejected();
  basis_.time.After(15, [this] { Probe(); });
}

void World::Calm() {
  basis_.Tell("no more faults");
  basis_.calm = true;
  disk_.SetFull(false);
  disk_.SetErrors(0);
  for (auto& place : places_) {
    place->box.disk->SetFull(false);
    place->box.disk->SetErrors(0);
  }
  coordinator_.SetSlowness(0.002);
  coordinator_.Thaw();  // or all would seem ended while what the operator asks for waits
}

}  // namespace rsg::sim
