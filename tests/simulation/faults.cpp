// What befalls a fleet.
#include "world.hpp"

namespace rsg::sim {
namespace {

// 0, or a mean time between faults from often to rarely.
double DrawMean(Random* random, double presence, double shortest, double longest) {
  if (!random->Chance(presence)) return 0;
  return shortest * std::pow(longest / shortest, random->Uniform());
}

}  // namespace

Profile DrawProfile(Random* random) {
  Profile profile;
  schedule::Settings& settings = profile.settings;
  settings.lost_after_seconds = random->Between(10, 40);
  settings.heartbeat_seconds = settings.lost_after_seconds / random->Between(3, 10);
  settings.flush_seconds = random->Between(0.1, 3);
  settings.max_unacked = static_cast<std::uint32_t>(1 + random->Below(16));
  settings.kill_after_seconds = random->Between(0.5, 10);
  settings.reconnect_cap_seconds = random->Between(1, 20);
  settings.max_spooled_windows = settings.max_unacked + static_cast<std::uint32_t>(random->Below(40));
  settings.jobs_ahead = static_cast<std::uint32_t>(random->Chance(0.3) ? 0 : 1 + random->Below(4));
  settings.slot_timeout_seconds = random->Between(1, 60);
  settings.infrastructure_attempts = static_cast<std::uint32_t>(1 + random->Below(3));
  settings.cell_attempts = static_cast<std::uint32_t>(1 + random->Below(3));
  profile.agents = 1 + random->Below(3);
  profile.contested = profile.agents > 1 && random->Chance(0.2);
  profile.empty_disk = random->Chance(0.06);
  profile.fault_seconds = random->Between(60, 300);
  profile.trouble = random->Chance(0.7) ? random->Between(0, 0.6) : 0;
  profile.latency = random->Chance(0.8) ? random->Between(0.001, 0.1) : random->Between(0.5, 3);
  profile.stream_breaks = DrawMean(random, 0.6, 2, 60);
  profile.network_stands = DrawMean(random, 0.4, 10, 100);
  profile.coordinator_killed = DrawMean(random, 0.4, 10, 100);
  profile.power_fails = DrawMean(random, 0.4, 5, 60);
  profile.coordinator_ended = DrawMean(random, 0.2, 30, 200);
  profile.coordinator_frozen = DrawMean(random, 0.3, 20, 200);
  profile.coordinator_slow = DrawMean(random, 0.3, 20, 200);
  profile.disk_full = DrawMean(random, 0.25, 20, 200);
  profile.disk_errors = DrawMean(random, 0.25, 20, 200);
  profile.clock_jumps = DrawMean(random, 0.4, 20, 200);
  profile.agent_killed = DrawMean(random, 0.5, 15, 200);
  profile.agent_cut_off = DrawMean(random, 0.3, 10, 100);
  profile.agent_disk_full = DrawMean(random, 0.25, 20, 200);
  profile.agent_disk_errors = DrawMean(random, 0.2, 20, 200);
  profile.agent_disk_rots = random->Chance(0.2) ? random->Between(0.1, 1) : 0;
  profile.agent_gone = DrawMean(random, 0.15, 100, 500);
  profile.agent_stopped = DrawMean(random, 0.3, 20, 200);
  profile.agent_frozen = DrawMean(random, 0.4, 10, 200);
  profile.agent_drained = DrawMean(random, 0.2, 50, 300);
  profile.sweep_cancelled = DrawMean(random, 0.25, 50, 300);
  profile.stale_message = DrawMean(random, 0.3, 5, 60);
  profile.sweep_retried = DrawMean(random, 0.3, 30, 200);
  profile.folder_copied = DrawMean(random, 0.3, 10, 100);
  profile.agent_cloned = DrawMean(random, 0.15, 20, 200);
  profile.agent_put_back = DrawMean(random, 0.2, 20, 200);
  profile.database_backed_up = DrawMean(random, 0.2, 10, 100);
  profile.database_put_back = DrawMean(random, 0.7, 20, 200);
  return profile;
}

void World::PlanFaults() {
  Often(profile_.stream_breaks, &World::BreakStream);
  Often(profile_.network_stands, &World::StandStill);
  Often(profile_.coordinator_killed, &World::KillCoordinator);
  Often(profile_.power_fails, &World::FailPower);
  Often(profile_.coordinator_ended, &World::EndCoordinator);
  Often(profile_.coordinator_frozen, &World::FreezeCoordinator);
  Often(profile_.coordinator_slow, &World::SlowCoordinator);
  Often(profile_.disk_full, &World::FillDisk);
  Often(profile_.disk_errors, &World::HurtDisk);
  Often(profile_.clock_jumps, &World::JumpClock);
  Often(profile_.agent_killed, &World::KillAgent);
  Often(profile_.agent_cut_off, &World::CutOffAgent);
  Often(profile_.agent_disk_full, &World::FillAgentsDisk);
  Often(profile_.agent_disk_errors, &World::HurtAgentsDisk);
  Often(profile_.agent_gone, &World::LoseAgent);
  Often(profile_.agent_stopped, &World::StopAgent);
  Often(profile_.agent_frozen, &World::FreezeAgent);
  Often(profile_.agent_drained, &World::DrainAgent);
  Often(profile_.sweep_cancelled, &World::CancelSweep);
  Often(profile_.stale_message, &World::SayStale);
  Often(profile_.sweep_retried, &World::RetrySweep);
  Often(profile_.folder_copied, &World::CopyFolder);
  Often(profile_.agent_cloned, &World::CloneAgent);
  Often(profile_.agent_put_back, &World::PutBackAgent);
  Often(profile_.database_backed_up, &World::BackUp);
  Often(profile_.database_put_back, &World::PutBackDatabase);
}

void World::Often(double mean, void (World::*fault)()) {
  if (mean == 0) return;
  basis_.time.After(basis_.random.Exponential(mean), [this, mean, fault] {
    if (basis_.calm) return;
    (this->*fault)();
    Often(mean, fault);
  });
}

void World::BreakStream() {
  const auto& streams = coordinator_.streams();
  if (streams.empty()) return;
  basis_.Tell("a stream breaks");
  // As often the newest as any other.
  (basis_.random.Chance(0.5) ? streams.back() : streams[basis_.random.Below(streams.size())])->Break();
}

void World::StandStill() {
  Place& place = AnyPlace();
  LetStand(place, basis_.random.Exponential(basis_.random.Chance(0.5) ? 5 : 60));
}

void World::LetStand(Place& place, double seconds) {
  basis_.Tell("the network stands still before agent {} for {:.1f} s", place.box.number, seconds);
  place.weather.stands_until = basis_.time.now() + seconds;
  if (!place.process || !place.process->stream()) return;
  const std::shared_ptr<Stream> stream = place.process->stream();
  stream->Stall(true);
  basis_.time.At(place.weather.stands_until, [stream] { stream->Stall(false); });
}

void World::KillCoordinator() { coordinator_.Kill(Disk::Crash::kProcess, basis_.random.Exponential(5)); }

void World::FailPower() {
  if (basis_.random.Chance(0.2)) return coordinator_.Kill(Disk::Crash::kPower, basis_.random.Exponential(10));
  disk_.FailPowerIn(1 + basis_.random.Below(30));
}

void World::EndCoordinator() {
  if (basis_.random.Chance(0.3)) disk_.FailPowerIn(1 + basis_.random.Below(30));
  coordinator_.Stop(basis_.random.Exponential(5));
}

void World::FreezeCoordinator() { coordinator_.Freeze(basis_.random.Exponential(basis_.random.Chance(0.5) ? 2 : 60)); }

void World::SlowCoordinator() {
  coordinator_.SetSlowness(basis_.random.Between(0.05, 2));
  basis_.time.After(basis_.random.Exponential(20), [this] { coordinator_.SetSlowness(0.002); });
}

void World::FillDisk() {
  basis_.Tell("the disk is full");
  disk_.SetFull(true);
  basis_.time.After(basis_.random.Exponential(10), [this] { disk_.SetFull(false); });
}

void World::HurtDisk() {
  basis_.Tell("the disk has errors");
  disk_.SetErrors(basis_.random.Between(0.001, 0.5));
  basis_.time.After(basis_.random.Exponential(10), [this] { disk_.SetErrors(0); });
}

void World::JumpClock() { coordinator_.JumpWallClock(basis_.random.Between(-1e5, 1e5)); }

void World::KillAgent() {
  Place& place = AnyPlace();
  if (!place.process) return;
  if (basis_.random.Chance(0.5)) return place.box.disk->FailPowerIn(1 + basis_.random.Below(20));
  place.process->Die(basis_.random.Chance(0.7));
  place.process.reset();
  basis_.time.After(basis_.random.Exponential(10), [this, &place] { StartProcess(place); });
}

// Cut off while its trainer goes on, and killed before it is heard again: what it has finished meanwhile is on its disk
// alone.
void World::CutOffAgent() {
  Place& place = AnyPlace();
  const double seconds = basis_.random.Exponential(30);
  LetStand(place, seconds);
  // Known by its instance: a later process may lie where the earlier one lay, which would be chance of another kind.
  basis_.time.After(
      seconds * basis_.random.Uniform(), [this, &place, instance = place.process ? place.process->instance() : ""] {
        if (basis_.calm || !place.process || place.process->instance() != instance || place.process->over()) return;
        place.process->Die(/*noticed=*/true);
        place.process.reset();
        basis_.time.After(basis_.random.Exponential(10), [this, &place] { StartProcess(place); });
      });
}

void World::FillAgentsDisk() {
  Place& place = AnyPlace();
  basis_.Tell("the disk of agent {} is full", place.box.number);
  place.box.disk->SetFull(true);
  basis_.time.After(basis_.random.Exponential(10), [&place] { place.box.disk->SetFull(false); });
}

void World::HurtAgentsDisk() {
  Place& place = AnyPlace();
  basis_.Tell("the disk of agent {} has errors", place.box.number);
  place.box.disk->SetErrors(basis_.random.Between(0.001, 0.5));
  basis_.time.After(basis_.random.Exponential(10), [&place] { place.box.disk->SetErrors(0); });
}

void World::LoseAgent() {
  Place& place = AnyPlace();
  place.box.gone = true;
  if (!place.process) return;
  place.process->Die(false);
  place.process.reset();
}

void World::StopAgent() {
  Place& place = AnyPlace();
  if (!place.process) return;
  place.process->Signal();
  if (!basis_.random.Chance(0.4)) return;
  basis_.time.After(basis_.random.Exponential(3), [&place] {
    if (place.process) place.process->Signal();
  });
}

void World::FreezeAgent() {
  Place& place = AnyPlace();
  if (place.process) place.process->Freeze(basis_.random.Exponential(basis_.random.Chance(0.8) ? 10 : 300));
}

void World::DrainAgent() { operator_.Drain(AnyPlace().box.name); }

void World::CancelSweep() {
  if (!operator_.sweeps().empty()) operator_.Cancel(operator_.sweeps()[basis_.random.Below(operator_.sweeps().size())]);
}

void World::RetrySweep() {
  if (!operator_.sweeps().empty()) operator_.Retry(operator_.sweeps()[basis_.random.Below(operator_.sweeps().size())]);
}

// A message about an attempt of this agent under a token that is not its own, as from an earlier life.
void World::SayStale() {
  Place& place = AnyPlace();
  if (!place.process || !place.process->stream() || ledger_.stories().empty()) return;
  auto story = ledger_.stories().begin();
  std::advance(story, static_cast<std::ptrdiff_t>(basis_.random.Below(ledger_.stories().size())));
  const auto& [id, what] = *story;
  if (what.box != place.box.number || !what.spawned) return;
  basis_.Tell("agent {}: says something stale about {}", place.box.number, id);
  v1::AgentMessage message;
  if (basis_.random.Chance(0.3)) {
    message.mutable_attempt_started()->set_attempt_id(id);
    message.mutable_attempt_started()->set_lease_token(basis_.random.Hex(16));
  } else {
    v1::WindowBatch& batch = *message.mutable_window_batch();
    batch.set_attempt_id(id);
    batch.set_lease_token(basis_.random.Hex(16));
    v1::Window& window = *batch.add_windows();
    window.set_sequence(what.acked + 1);
    window.set_steps(1);
    window.set_samples(what.assign.cell().batch_size());
    window.set_seconds(12345);
    window.set_wall_seconds(12345);
  }
  place.process->stream()->Inject(std::move(message));
}

}  // namespace rsg::sim
