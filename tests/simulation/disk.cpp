#include "disk.hpp"

#include <algorithm>
#include <iterator>

namespace rsg::sim {
namespace {

constexpr std::size_t kSector = 512;

void Put(std::string* content, std::uint64_t offset, std::string_view bytes) {
  if (content->size() < offset + bytes.size()) content->resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), content->begin() + static_cast<std::ptrdiff_t>(offset));
}

void Apply(const Unsynced& change, std::string* content) {
  if (change.cut) return content->resize(change.offset);
  Put(content, change.offset, change.bytes);
}

}  // namespace

bool Disk::Fails() { return off_ || (errors_ > 0 && !observed_ && random_->Chance(errors_)); }

Disk::Moment Disk::PowerFailsNow() {
  if (fail_in_ == 0 || observed_ || --fail_in_ > 0) return Moment::kNot;
  switch (random_->Below(3)) {
    case 0:
      return Moment::kBefore;
    case 1:
      return Moment::kAmid;
    default:
      return Moment::kAfter;
  }
}

Disk::Result Disk::Write(File& file, std::uint64_t offset, std::string_view bytes) {
  if (Fails()) return Result::kError;
  if (full_ && !observed_ && offset + bytes.size() > file.seen.size()) return Result::kFull;
  const Moment moment = PowerFailsNow();
  if (moment != Moment::kNot) off_ = true;
  if (moment == Moment::kBefore) return Result::kError;
  if (moment == Moment::kAmid) bytes = bytes.substr(0, random_->Below(bytes.size() + 1));
  Put(&file.seen, offset, bytes);
  file.unsynced.push_back({.offset = offset, .bytes = std::string(bytes), .cut = false});
  return moment == Moment::kAmid ? Result::kError : Result::kOk;
}

Disk::Result Disk::Truncate(File& file, std::uint64_t size) {
  if (Fails()) return Result::kError;
  const Moment moment = PowerFailsNow();
  if (moment != Moment::kNot) off_ = true;
  if (moment == Moment::kBefore) return Result::kError;
  file.seen.resize(size);
  file.unsynced.push_back({.offset = size, .bytes = {}, .cut = true});
  return Result::kOk;
}

Disk::Result Disk::Sync(File& file) {
  const bool planned = std::exchange(sync_fails_, false);
  if (planned || Fails()) {
    // As on Linux: what could not be written counts as written from then on, and no later sync tries it again.
    if (planned || (!off_ && random_->Chance(0.5))) file.unsynced.clear();
    return Result::kError;
  }
  const Moment moment = PowerFailsNow();
  if (moment != Moment::kNot) off_ = true;
  if (moment == Moment::kBefore) return Result::kError;
  const std::size_t done = moment == Moment::kAmid ? random_->Below(file.unsynced.size() + 1) : file.unsynced.size();
  for (std::size_t i = 0; i < done; ++i) Apply(file.unsynced[i], &file.durable);
  file.unsynced.erase(file.unsynced.begin(), file.unsynced.begin() + static_cast<std::ptrdiff_t>(done));
  if (moment == Moment::kAmid) return Result::kError;
  // The first sync of a journal or WAL syncs its folder, too (SQLite's own VFS does): with all that happened in it.
  if (!file.name_durable) SyncFolder();
  return Result::kOk;
}

void Disk::SyncFolder() {
  removed_.clear();
  for (auto& [name, file] : files_) file->name_durable = true;
}

Disk::Result Disk::Read() { return Fails() ? Result::kError : Result::kOk; }

std::vector<std::string> Disk::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : files_) names.push_back(name);
  return names;
}

std::shared_ptr<File> Disk::Find(const std::string& name) const {
  const auto found = files_.find(name);
  return found == files_.end() ? nullptr : found->second;
}

std::shared_ptr<File> Disk::Make(const std::string& name) {
  if (Fails() || (full_ && !observed_)) return nullptr;
  removed_.erase(name);
  return files_[name] = std::make_shared<File>();
}

Disk::Result Disk::Remove(const std::string& name, bool durably) {
  if (Fails()) return Result::kError;
  const Moment moment = PowerFailsNow();
  if (moment != Moment::kNot) off_ = true;
  if (moment == Moment::kBefore) return Result::kError;
  const auto found = files_.find(name);
  if (found == files_.end()) return Result::kOk;
  if (!durably) removed_[name] = found->second;
  files_.erase(found);
  return Result::kOk;
}

void Disk::Rot() {
  if (files_.empty()) return;
  auto file = files_.begin();
  std::advance(file, static_cast<std::ptrdiff_t>(random_->Below(files_.size())));
  std::string& bytes = file->second->seen;
  if (bytes.empty()) return;
  char& byte = bytes[random_->Below(bytes.size())];
  byte = static_cast<char>(byte ^ (1 << random_->Below(8)));
  file->second->durable = bytes;
  file->second->unsynced.clear();
}

void Disk::PowerOn(Crash crash) {
  off_ = false;
  fail_in_ = 0;
  ++generation_;
  if (crash == Crash::kPower) {
    for (auto& [name, file] : removed_)
      if (random_->Chance(0.5)) files_.emplace(name, file);
    std::erase_if(files_, [this](const auto& entry) { return !entry.second->name_durable && random_->Chance(0.5); });
  }
  removed_.clear();
  for (auto& [name, file] : files_) {
    // A new one, for who has the old one open still holds it.
    file = std::make_shared<File>(*file);
    if (crash == Crash::kPower) Lose(*file);
  }
}

void Disk::Lose(File& file) {
  // How much of what was not synced had reached the platter: often nothing or all of it.
  const double kept = random_->Chance(0.3) ? 0 : random_->Chance(0.3) ? 1 : random_->Uniform();
  const double garbled = random_->Chance(0.3) ? 0.1 : 0;
  for (Unsynced& change : file.unsynced) {
    if (change.cut) {
      if (random_->Chance(kept)) Apply(change, &file.durable);
      continue;
    }
    for (std::size_t at = 0; at < change.bytes.size();) {
      const std::size_t length = std::min(change.bytes.size() - at, kSector - (change.offset + at) % kSector);
      std::string sector = change.bytes.substr(at, length);
      if (random_->Chance(garbled))
        for (char& byte : sector) byte = static_cast<char>(random_->Next());
      if (random_->Chance(kept)) Put(&file.durable, change.offset + at, sector);
      at += length;
    }
  }
  file.unsynced.clear();
  file.seen = file.durable;
  file.name_durable = true;
}

Disk::Image Disk::Save() const {
  Image image;
  for (const auto& [name, file] : files_) image[name] = file->seen;
  return image;
}

void Disk::Replace(const Image& image) {
  files_.clear();
  removed_.clear();
  Load(image);
}

void Disk::Load(const Image& image) {
  for (const auto& [name, content] : image)
    files_[name] =
        std::make_shared<File>(File{.seen = content, .durable = content, .unsynced = {}, .name_durable = true});
}

}  // namespace rsg::sim
