// Copies of state folders: people make images of rented machines and put snapshots and backups back.
#include "absl/strings/str_cat.h"
#include "world.hpp"

namespace rsg::sim {
namespace {

constexpr std::size_t kMostClones = 2;
constexpr double kTellSeconds = 4000;  // a process may be frozen or cut off for long

Folder FolderOf(const Box& box) { return {.spool = box.disk->Save(), .start = box.start, .enrolled = box.enrolled}; }

}  // namespace

void World::CopyFolder() {
  Place& place = AnyPlace();
  if (!place.box.start) return;  // nothing is there yet
  basis_.Tell("the folder of agent {} is copied", place.box.number);
  place.copy = FolderOf(place.box);
}

// On the same machine, or on another one that was made of its image. The credential and the spool are in the folder.
void World::CloneAgent() {
  Place& original = AnyPlace();
  if (clones_ >= kMostClones || !original.box.start) return;
  ++clones_;
  const bool of_now = !original.copy || basis_.random.Chance(0.6);
  const Folder folder = of_now ? FolderOf(original.box) : *original.copy;
  auto place = std::make_unique<Place>();
  Box& box = place->box;
  box.number = places_.size();
  box.name = original.box.name;
  box.secret_sha256 = original.box.secret_sha256;
  box.machine = original.box.machine;
  box.disk = std::make_unique<Disk>(&basis_.random);
  box.disk->Load(folder.spool);
  box.segment_bytes = original.box.segment_bytes;
  box.start = folder.start;
  box.enrolled = folder.enrolled;
  box.wall = original.box.wall;
  box.drain_limit = original.box.drain_limit;
  box.trouble = original.box.trouble;
  if (basis_.random.Chance(0.5)) {
    box.machine.set_machine_id(basis_.random.Hex(8));
    for (v1::Device& device : *box.machine.mutable_devices())
      device.set_id(absl::StrCat(device.id().substr(0, 4), box.number));
    if (basis_.random.Chance(0.5)) box.wall += basis_.random.Between(-1e5, 1e5);
  }
  place->weather = original.weather;
  ledger_.Copied(box.secret_sha256, box.number);
  basis_.Tell("agent {} has a copy of the folder of agent {}", box.number, original.box.number);
  basis_.time.After(basis_.random.Exponential(3), [this, at = place.get()] { StartProcess(*at); });
  places_.push_back(std::move(place));
}

void World::PutBackAgent() {
  Place& place = AnyPlace();
  if (!place.copy || place.box.gone) return;
  if (place.process) {
    place.process->Die(basis_.random.Chance(0.7));
    place.process.reset();
  }
  basis_.Tell("the folder of agent {} is put back to an earlier copy", place.box.number);
  place.box.disk->Replace(place.copy->spool);
  place.box.start = place.copy->start;
  place.box.enrolled = place.copy->enrolled;
  ledger_.SpoolHurt(place.box.number);
  basis_.time.After(basis_.random.Exponential(10), [this, &place] { StartProcess(place); });
}

// Its supervisor starts it again, or a person has read what it says and leaves it alone. Where it is the only one, what
// overtook it was an earlier process, before the folder was put back.
void World::Superseded(Place& place) {
  if (!ledger_.Overtaken(place.process->instance()))
    basis_.Violate("agent {} is told of a later process, and there is none", place.box.number);
  place.process.reset();
  if (!ledger_.IsCopied(place.box.secret_sha256) || (!basis_.calm && basis_.random.Chance(0.3)))
    basis_.time.After(basis_.random.Exponential(10), [this, &place] { StartProcess(place); });
  else
    place.box.gone = true;
}

bool World::OneAliveOfEach() const {
  std::set<std::string> alive;
  for (const auto& place : places_)
    if (place->process && !alive.insert(place->box.secret_sha256).second) return false;
  return true;
}

// Of those with one credential all but one are told to end.
void World::EndCopies() {
  const double until = basis_.time.now() + kTellSeconds;
  while (!basis_.violation && !OneAliveOfEach() && basis_.time.now() < until) Step(until);
  if (!basis_.violation && !OneAliveOfEach()) basis_.Violate("two agents live on copies of one folder");
}

// What a backup has is what is committed; rsg backup writes it into one file.
void World::BackUp() {
  if (!coordinator_.up() || token_.empty() || disk_.off()) return;
  basis_.Tell("the database is backed up");
  backup_ = Backup{.database = disk_.Save(), .promises = ledger_.Remember(audit_.StoredAttempts())};
}

void World::PutBackDatabase() {
  if (!coordinator_.up() || !backup_) return;
  basis_.Tell("the database is put back to an earlier backup");
  coordinator_.Kill(Disk::Crash::kProcess, basis_.random.Exponential(10));
  disk_.Replace(backup_->database);
  ledger_.PutBack(backup_->promises);
  operator_.PutBack();
}

}  // namespace rsg::sim
