#include "coordinator/server/watchers.hpp"

#include <algorithm>
#include <utility>

#include "coordinator/schedule/records.hpp"

namespace rsg::server {

void Watchers::Add(std::int64_t sweep, std::shared_ptr<Watcher> watcher, const v1::SweepStatus& status) {
  watching_.push_back({.sweep = sweep, .watcher = std::move(watcher), .last = {}});
  Tell(watching_.back(), status);
}

void Watchers::Tell(Watching& watching, const v1::SweepStatus& status) {
  std::string serialized = status.SerializeAsString();
  if (serialized == watching.last) return;
  watching.last = std::move(serialized);
  watching.watcher->Update(status);
}

void Watchers::Update(const std::function<absl::StatusOr<v1::SweepStatus>(std::int64_t sweep)>& status_of) {
  std::erase_if(watching_, [](const Watching& watching) { return !watching.watcher->Listens(); });
  std::stable_sort(watching_.begin(), watching_.end(),
                   [](const Watching& a, const Watching& b) { return a.sweep < b.sweep; });
  absl::StatusOr<v1::SweepStatus> status = absl::UnknownError("");
  for (std::size_t i = 0; i < watching_.size(); ++i) {
    if (i == 0 || watching_[i].sweep != watching_[i - 1].sweep) status = status_of(watching_[i].sweep);
    if (status.ok()) Tell(watching_[i], *status);
  }
}

void Watchers::End(const v1::SweepStatus& status) {
  std::erase_if(watching_, [&](Watching& watching) {
    if (schedule::SweepId(watching.sweep) != status.sweep_id()) return false;
    Tell(watching, status);
    watching.watcher->Close(absl::OkStatus());
    return true;
  });
}

void Watchers::CloseAll(const absl::Status& reason) {
  for (const Watching& watching : std::exchange(watching_, {})) watching.watcher->Close(reason);
}

}  // namespace rsg::server
