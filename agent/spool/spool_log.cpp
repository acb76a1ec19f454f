#include "agent/spool/spool_log.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/spool/record.hpp"
#include "common/validate.hpp"

namespace rsg::agent {
namespace {

constexpr std::size_t kMostFileBytes = SpoolLog::kSegmentBytes + (2 << 20);
constexpr char kSuffix[] = ".spool";

std::string Name(std::uint64_t number) { return absl::StrCat(absl::Dec(number, absl::kZeroPad10), kSuffix); }

/// 0: not one of ours.
std::uint64_t NumberOf(const std::string& name) {
  std::uint64_t number = 0;
  if (!absl::EndsWith(name, kSuffix)) return 0;
  if (!absl::SimpleAtoi(name.substr(0, name.size() - (sizeof kSuffix - 1)), &number)) return 0;
  return Name(number) == name ? number : 0;
}

}  // namespace

struct SpoolLog::Left {
  v1::Assign assign;
  std::optional<v1::AttemptStarted> started;
  std::deque<v1::Window> windows;  // the last run without gaps
  std::optional<v1::AttemptFinished> end;
  std::deque<Segment> segments;

  void Take(KeptRecord record) {
    if (auto* start = std::get_if<v1::AttemptStarted>(&record)) {
      started = std::move(*start);
    } else if (auto* finished = std::get_if<v1::AttemptFinished>(&record)) {
      end = std::move(*finished);
      segments.back().has_end = true;
    } else if (auto* window = std::get_if<v1::Window>(&record)) {
      if (!windows.empty() && window->sequence() != windows.back().sequence() + 1) windows.clear();
      segments.back().last = std::max(segments.back().last, window->sequence());
      windows.push_back(std::move(*window));
    }
  }
};

SpoolLog::Found SpoolLog::Open() {
  Found found;
  std::vector<Left> attempts;
  ReadLeft(&attempts, &found);
  for (Left& left : attempts) Restore(left, &found);
  return found;
}

absl::StatusOr<std::vector<std::uint64_t>> SpoolLog::List() {
  const auto names = disk_->List();
  if (!names.ok()) return names.status();
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : *names)
    if (const std::uint64_t number = NumberOf(name); number > 0) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  next_ = numbers.empty() ? 1 : numbers.back() + 1;
  return numbers;
}

void SpoolLog::ReadLeft(std::vector<Left>* attempts, Found* found) {
  const auto numbers = List();
  if (!numbers.ok()) {
    found->log.push_back({Log::Level::kWarning, absl::StrCat("what an earlier process has kept cannot be read: ",
                                                             numbers.status().message())});
    return;
  }
  for (const std::uint64_t number : *numbers) {
    const std::string name = Name(number);
    const auto bytes = disk_->Read(name, kMostFileBytes);
    if (!bytes.ok()) {
      found->log.push_back({Log::Level::kWarning, absl::StrCat("left alone: ", bytes.status().message())});
      continue;
    }
    DecodedFile file = DecodeFile(*bytes);
    if (file.kind == DecodedFile::Kind::kForeign || file.kind == DecodedFile::Kind::kOtherVersion) {
      found->log.push_back(
          {Log::Level::kWarning, absl::StrCat("left alone: ", name, " in the spool is ",
                                              file.kind == DecodedFile::Kind::kForeign
                                                  ? "no file of this program"
                                                  : "of another version of rsg-agent, which alone can deliver it",
                                              "; remove it if nobody needs it")});
      continue;
    }
    const auto* assign = file.records.empty() ? nullptr : std::get_if<v1::Assign>(&file.records.front());
    if (assign == nullptr) {  // torn when nothing was in it yet, unless the disk has garbled it
      if (file.garbled)
        found->log.push_back(
            {Log::Level::kWarning, absl::StrCat(name, " in the spool cannot be read: removed, with what it held")});
      (void)disk_->Remove(name);
      continue;
    }
    const auto same = std::find_if(attempts->begin(), attempts->end(), [&](const Left& left) {
      return left.assign.attempt_id() == assign->attempt_id() && left.assign.lease_token() == assign->lease_token();
    });
    Left& left = same == attempts->end() ? attempts->emplace_back() : *same;
    left.assign = *assign;
    left.segments.push_back({.name = name, .bytes = bytes->size(), .last = 0, .has_end = false});
    bytes_ += bytes->size();
    for (KeptRecord& record : file.records) left.Take(std::move(record));
  }
}

void SpoolLog::Restore(Left& left, Found* found) {
  const std::string id = left.assign.attempt_id();
  Entry entry{.head = EncodeRecord(left.assign), .segments = std::move(left.segments), .sealed = true};
  if (!left.end || entries_.contains(id)) {
    if (!left.end)
      found->log.push_back(
          {Log::Level::kInfo, absl::StrCat(id, ": was not finished when an earlier process ended"), FieldsOf(id)});
    return RemoveAll(entry);
  }
  if (found->attempts.size() >= kMaxAttemptsInHand) {
    found->log.push_back({Log::Level::kWarning,
                          absl::StrCat(id,
                                       ": finished by an earlier process; too many of them, so it is delivered "
                                       "after the next start"),
                          FieldsOf(id)});
    return;
  }
  const std::uint32_t last = left.end->final_sequence();
  while (!left.windows.empty() && left.windows.back().sequence() > last) left.windows.pop_back();
  if (!left.windows.empty() && left.windows.back().sequence() != last) left.windows.clear();
  if (left.started) entry.head += EncodeRecord(*left.started);
  entries_.emplace(id, std::move(entry));
  found->log.push_back(
      {Log::Level::kInfo, absl::StrCat(id, ": finished by an earlier process; to be delivered"), FieldsOf(id)});
  found->attempts.push_back({.assign = std::move(left.assign),
                             .started = std::move(left.started),
                             .windows = std::move(left.windows),
                             .end = *std::move(left.end)});
}

absl::Status SpoolLog::Keep(const agent::Keep& keep) {
  const std::string bytes = EncodeRecord(keep.record);
  if (bytes.size() > kMaxRecordBytes)
    return absl::InvalidArgumentError(absl::StrCat("a record of ", bytes.size(), " bytes is too large to be kept"));
  if (std::holds_alternative<v1::Assign>(keep.record)) {
    Release({.attempt_id = keep.attempt_id, .through = std::nullopt});
    entries_[keep.attempt_id].head = bytes;
  }
  const auto entry = entries_.find(keep.attempt_id);
  if (entry == entries_.end()) return absl::NotFoundError(absl::StrCat(keep.attempt_id, " is not kept"));
  const absl::Status written = Write(entry->second, keep.record, bytes);
  if (std::holds_alternative<v1::AttemptStarted>(keep.record)) entry->second.head += bytes;
  return written;
}

absl::Status SpoolLog::Write(Entry& entry, const KeptRecord& record, const std::string& bytes) {
  const auto* window = std::get_if<v1::Window>(&record);
  if (window != nullptr && bytes_ + bytes.size() > max_bytes_)
    return absl::ResourceExhaustedError(absl::StrCat("the spool has ", bytes_, " bytes, and no more are allowed"));
  const bool fresh = entry.sealed || entry.segments.empty() || entry.segments.back().bytes >= segment_bytes_;
  // Not before it is known which names an earlier process has left.
  if (next_ == 0)
    if (const auto listed = List(); !listed.ok()) return listed.status();
  Segment segment = fresh ? Segment{.name = Name(next_)} : entry.segments.back();
  std::string text = fresh ? std::string(kSpoolMagic) + entry.head : "";
  if (!std::holds_alternative<v1::Assign>(record)) text += bytes;
  if (auto status = disk_->Append(segment.name, text); !status.ok()) {
    // What is there of it now is not known: the next record goes elsewhere.
    if (!fresh) entry.sealed = true;
    return status;
  }
  segment.bytes += text.size();
  bytes_ += text.size();
  if (window != nullptr) segment.last = window->sequence();
  segment.has_end |= std::holds_alternative<v1::AttemptFinished>(record);
  if (!fresh) {
    entry.segments.back() = segment;
    return absl::OkStatus();
  }
  ++next_;
  entry.sealed = false;
  entry.segments.push_back(segment);
  return absl::OkStatus();
}

void SpoolLog::Release(const agent::Release& release) {
  const auto found = entries_.find(release.attempt_id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  if (!release.through) {
    RemoveAll(entry);
    entries_.erase(found);
    return;
  }
  while (entry.segments.size() > 1 && !entry.segments.front().has_end &&
         entry.segments.front().last <= *release.through)
    RemoveOldest(entry);
}

void SpoolLog::RemoveOldest(Entry& entry) {
  (void)disk_->Remove(entry.segments.front().name);  // one that stays is removed after the next start
  bytes_ -= entry.segments.front().bytes;
  entry.segments.pop_front();
}

// The newest first: should we die amid, an attempt without its end is left, not one with a gap.
void SpoolLog::RemoveAll(Entry& entry) {
  for (; !entry.segments.empty(); entry.segments.pop_back()) {
    (void)disk_->Remove(entry.segments.back().name);
    bytes_ -= entry.segments.back().bytes;
  }
}

}  // namespace rsg::agent
