// What was promised and what agents have done must be what is stored.
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "audit.hpp"
#include "common/words.hpp"

namespace rsg::sim {
namespace {

constexpr char kByOperator[] = "cancelled by the operator";

}  // namespace

void Audit::CheckPromises() {
  std::set<std::string> agents;
  Each("SELECT credential_sha256 FROM agents", [&](const Row& row) { agents.insert(row[0]); });
  for (const std::string& hash : ledger_->enrolled())
    if (!agents.contains(hash)) basis_->Violate("an agent was enrolled and is not stored");
  std::map<std::string, std::string> requests;
  std::map<std::string, std::string> states;
  Each("SELECT request_id, printf('s%d', sweep), state FROM sweeps", [&](const Row& row) {
    requests[row[0]] = row[1];
    states[row[1]] = row[2];
  });
  for (const auto& [request, sweep] : ledger_->submitted())
    if (requests[request] != sweep) basis_->Violate("sweep {} was promised and is not stored", sweep);
  for (const auto& [sweep, status] : ledger_->ended())
    if (states[sweep] != "CANCELLED" && states[sweep] != "COMPLETED" && !ledger_->retry_asked(sweep))
      basis_->Violate("sweep {} was shown as ended and is {}", sweep, states[sweep]);
}

void Audit::CheckAttempts() {
  std::set<std::string> stored;
  Each(
      "SELECT printf('s%d.%d.%d', sweep, job, attempt), lease_token, instance_id, state, outcome, last_sequence, "
      "error, "
      "printf('s%d', sweep), started_unix FROM attempts",
      [&](const Row& row) {
        stored.insert(row[0]);
        const auto found = ledger_->stories().find(row[0]);
        if (found == ledger_->stories().end()) {
          if (row[3] == "ENDED") CheckFence(row[0], Story{}, row);
          return;
        }
        const Story& story = found->second;
        const auto last = static_cast<std::uint32_t>(std::stoul(row[5]));
        if (story.spawned && story.token != row[1]) basis_->Violate("{}: its child runs under another token", row[0]);
        if (last < story.acked)
          basis_->Violate("{}: {} windows were acknowledged, {} are stored", row[0], story.acked, last);
        if (last > story.made.size())
          basis_->Violate("{}: {} windows are stored, {} were made", row[0], last, story.made.size());
        if (story.accepted && row[4] != Word(*story.accepted))
          basis_->Violate("{}: {} was accepted, {} is stored", row[0], Word(*story.accepted), row[4]);
        if (row[3] == "ENDED") CheckFence(row[0], story, row);
      });
  for (const auto& [id, story] : ledger_->stories())
    if ((story.spawned || story.acked > 0) && !stored.contains(id)) basis_->Violate("{} runs and is not stored", id);
}

// Whether an attempt that has ended may have ended like this: DESIGN, section 5.
void Audit::CheckFence(const std::string& id, const Story& story, const Row& attempt) {
  const std::string& outcome = attempt[4];
  const std::string& error = attempt[6];
  const bool told = [&] {
    for (const v1::Outcome said : story.said)
      if (Word(said) == outcome) return true;
    return false;
  }();
  const auto wrong = [&](const char* what) { basis_->Violate("{} ended {} ({}): {}", id, outcome, error, what); };
  if (error == kByOperator) {
    if (!ledger_->cancel_asked(attempt[7])) wrong("nobody has cancelled its sweep");
  } else if (outcome == "CANCELLED") {
    // A coordinator may have, and forgotten it.
    if (!story.put_back) wrong("nobody has cancelled it");
  } else if (outcome == "LOST" && error == "the agent was restarted") {
    if (!ledger_->ProcessHasEnded(attempt[2]) && !ledger_->HasRivals(attempt[2])) wrong("its process lives");
  } else if (outcome == "LOST" && error == "the agent no longer knows the attempt" && ledger_->was_put_back()) {
    // It had delivered it, after the backup.
  } else if (outcome == "SKIPPED") {
    if (!absl::StrContains(error, "ran out of memory")) wrong("that is no reason");
    if (story.ran) wrong("its child has run");
  } else if (outcome == "LOST" && absl::StartsWith(error, kSlotMoved)) {
    // How long it was granted, and who measures in its place, is looked at elsewhere.
  } else if (outcome == "LOST" && absl::StrContains(error, "took over the device")) {
    if (!contested_) wrong("nobody else has this device");
  } else if (outcome == "LOST" && error == kMachineLeft) {
    // Of a control job; its machine may be away.
  } else if (!told) {
    wrong("no agent has said so");
  } else if (outcome == "LOST") {
    bool known = false;
    if (ledger_->was_put_back())
      for (const char* reason :
           {"restored from a backup", "has ended on this agent already", "is in use under another"})
        known = known || absl::StrContains(error, reason);
    for (const char* reason : {"draining", "was stopped", "was away for too long", "cannot be started",
                               "script was fetched", "never begun", "did not outlive"})
      known = known || absl::StrContains(error, reason);
    if (!known) wrong("that is no reason");
    if (absl::StrContains(error, "did not outlive") && !story.holes && !story.put_back)
      wrong("nothing has befallen its disk");
    if (absl::StrContains(error, "the agent was stopped") && !ledger_->WasStopped(story.instance))
      wrong("nobody has stopped it");
    if (absl::StrContains(error, "never begun") && story.spawned) wrong("its child has run");
  }
}

}  // namespace rsg::sim
