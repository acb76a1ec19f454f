// What must hold when a run is over.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "audit.hpp"
#include "common/words.hpp"
#include "coordinator/schedule/records.hpp"

namespace rsg::sim {

void Audit::CheckEnd() {
  CheckAll();
  if (!connection_ || basis_->violation) return;
  disk_->SetObserved(true);
  ExpectNone("the database is damaged", "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'");
  CheckContents();
  CheckCounts();
  Each("SELECT printf('s%d.%d.%d', sweep, job, attempt), outcome, error, last_sequence FROM attempts",
       [&](const Row& row) {
         const auto found = ledger_->stories().find(row[0]);
         if (found == ledger_->stories().end()) return;
         const Story& story = found->second;
         if (row[1].empty()) return basis_->Violate("{} has not ended", row[0]);
         if (row[1] == "COMPLETED" && row[3] != std::to_string(story.made.size()))
           basis_->Violate("{}: it is complete with {} of {} windows", row[0], row[3], story.made.size());
         // A finished measurement is lost only with its process and its disk, or by the operator's will.
         if (!story.measured || row[1] == "COMPLETED" || story.orphaned || story.put_back) return;
         if (row[2] == "the agent was restarted" && ledger_->HasRivals(story.instance)) return;
         const bool given_up = row[2] == "cancelled by the operator" || row[2] == "the machine had left" ||
                               absl::StrContains(row[2], "took over the device") ||
                               absl::StrContains(row[2], "its slot went to agent") ||
                               absl::StrContains(row[2], "was away for too long") ||
                               absl::StrContains(row[2], "was stopped") || absl::StrContains(row[2], "did not outlive");
         if (!given_up) basis_->Violate("{}: its trainer measured, and it ended {} ({})", row[0], row[1], row[2]);
       });
  disk_->SetObserved(false);
}

void Audit::CheckContents() {
  EachOf(
      "SELECT sweep, job, attempt, sequence, steps, samples, seconds, wall_seconds, start_seconds, warm_up FROM "
      "windows",
      [&](const store::Statement& row) {
        const std::string id = schedule::Id(schedule::AttemptKey{{row.Int(0), row.Int(1)}, row.Int(2)});
        const v1::Window& made = ledger_->stories().at(id).made.at(row.Uint(3) - 1);
        if (made.steps() != row.Uint(4) || made.samples() != row.Uint(5) || made.seconds() != row.Real(6) ||
            made.wall_seconds() != row.Real(7) || made.start_seconds() != row.Real(8) ||
            made.warm_up() != (row.Int(9) != 0))
          basis_->Violate("{}: window {} is stored other than it was made", id, row.Int(3));
      });
  EachOf("SELECT sweep, job, attempt, throughput, steps, samples, seconds FROM results",
         [&](const store::Statement& row) {
           const std::string id = schedule::Id(schedule::AttemptKey{{row.Int(0), row.Int(1)}, row.Int(2)});
           const std::optional<v1::Result>& result = ledger_->stories().at(id).result;
           if (!result || result->throughput() != row.Real(3) || result->steps() != row.Uint(4) ||
               result->samples() != row.Uint(5) || result->seconds() != row.Real(6))
             basis_->Violate("{}: its result is stored other than it was measured", id);
         });
}

// What a sweep says of itself at its end is what is stored.
void Audit::CheckCounts() {
  for (const auto& [sweep, status] : ledger_->ended()) {
    if (ledger_->retry_asked(sweep)) continue;  // this was not its last end
    const v1::JobCounts& counts = status.counts();
    const std::string of = absl::StrCat("FROM jobs WHERE role = 'MEASUREMENT' AND sweep = ", sweep.substr(1));
    Each(absl::StrCat(
             "SELECT COUNT(*), COALESCE(SUM(outcome = 'COMPLETED'), 0), COALESCE(SUM(outcome = 'CANCELLED'), 0), "
             "COALESCE(SUM(outcome = 'OUT_OF_MEMORY'), 0), COALESCE(SUM(outcome = 'SKIPPED'), 0), "
             "COALESCE(SUM(outcome IN ('FAILED', 'LOST')), 0) ",
             of),
         [&, &sweep = sweep](const Row& row) {
           const std::vector<std::uint32_t> shown{counts.total(),         counts.completed(), counts.cancelled(),
                                                  counts.out_of_memory(), counts.skipped(),   counts.failed()};
           for (std::size_t i = 0; i < shown.size(); ++i)
             if (std::to_string(shown[i]) != row[i])
               basis_->Violate("{}: it counts {} where {} are stored (column {})", sweep, shown[i], row[i], i);
         });
  }
}

std::string Audit::Unfinished() {
  disk_->SetObserved(true);
  std::string text;
  Each("SELECT printf('s%d.%d', sweep, job), state, device_id FROM jobs WHERE state <> 'ENDED'",
       [&](const Row& row) { absl::StrAppend(&text, row[0], " on ", row[2], " is ", row[1], "\n"); });
  Each("SELECT printf('s%d', sweep), state FROM sweeps WHERE state NOT IN ('COMPLETED', 'CANCELLED')",
       [&](const Row& row) { absl::StrAppend(&text, row[0], " is ", row[1], "\n"); });
  disk_->SetObserved(false);
  return text;
}

std::set<std::string> Audit::StoredAttempts() {
  std::set<std::string> attempts;
  disk_->SetObserved(true);
  Each("SELECT printf('s%d.%d.%d', sweep, job, attempt) FROM attempts",
       [&](const Row& row) { attempts.insert(row[0]); });
  disk_->SetObserved(false);
  return attempts;
}

std::optional<std::int64_t> Audit::FindRequest(const std::string& request) {
  std::optional<std::int64_t> sweep;
  disk_->SetObserved(true);
  EachOf(absl::StrCat("SELECT sweep FROM sweeps WHERE request_id = '", request, "'"),
         [&](const store::Statement& row) { sweep = row.Int(0); });
  disk_->SetObserved(false);
  return sweep;
}

}  // namespace rsg::sim
