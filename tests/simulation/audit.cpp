#include "audit.hpp"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/words.hpp"
#include "coordinator/schedule/records.hpp"

namespace rsg::sim {
namespace {

constexpr char kByOperator[] = "cancelled by the operator";
constexpr char kMachineLeft[] = "the machine had left";
constexpr char kSlotMoved[] = "its slot went to agent";

// Nothing on the disk fails as long as it stands.
class Observing {
 public:
  explicit Observing(Disk* disk) : disk_(disk), before_(disk->observed()) { disk_->SetObserved(true); }
  ~Observing() { disk_->SetObserved(before_); }

 private:
  Disk* disk_;
  const bool before_;
};

}  // namespace

Audit::Audit(Basis* basis, Ledger* ledger, Disk* disk, const schedule::Settings& settings, bool contested)
    : basis_(basis), ledger_(ledger), disk_(disk), settings_(settings), contested_(contested) {}

void Audit::Open(const std::filesystem::path& database) {
  const Observing observing(disk_);
  auto opened = store::Connection::Open(database, store::Connection::Access::kRead);
  if (!opened.ok()) return basis_->Violate("cannot be read: {}", std::string(opened.status().message()));
  connection_ = *std::move(opened);
  const auto prepare = [this](const char* sql, std::optional<store::Statement>* statement) {
    auto prepared = connection_->Prepare(sql);
    if (!prepared.ok()) return basis_->Violate("cannot be read: {}", std::string(prepared.status().message()));
    *statement = *std::move(prepared);
  };
  prepare("SELECT lease_token, state, last_sequence FROM attempts WHERE sweep = ?1 AND job = ?2 AND attempt = ?3",
          &attempt_);
  prepare("PRAGMA data_version", &version_);
  prepare(
      "SELECT printf('s%d.%d.%d', sweep, job, attempt), credential_sha256, error FROM attempts JOIN agents USING "
      "(agent_id) WHERE outcome = 'LOST' AND (error LIKE '%took over the device' OR error = 'the machine had left' "
      "OR error LIKE 'its slot went to agent%')",
      &given_up_);
  seen_version_ = 0;
  seen_given_up_.clear();  // a database that was put back gives numbers of attempts again
  if (given_up_) CheckGivenUp();
}

void Audit::Close() {
  const Observing observing(disk_);
  attempt_.reset();
  version_.reset();
  given_up_.reset();
  statements_.clear();
  connection_.reset();
}

void Audit::CheckPromise(const v1::CoordinatorMessage& message) {
  const std::string& id = message.has_ack()            ? message.ack().attempt_id()
                          : message.has_finished_ack() ? message.finished_ack().attempt_id()
                                                       : message.assign().attempt_id();
  const bool refused = message.has_finished_ack() && !message.finished_ack().accepted();
  const auto key = schedule::ParseAttemptId(id);
  if (!key || refused || !attempt_) return;
  const Observing observing(disk_);
  (void)attempt_->Start(key->job.sweep, key->job.job, key->attempt);
  const auto found = attempt_->Step();
  if (!found.ok() || !*found) return basis_->Violate("{} is told of and not stored", id);
  const std::string token(attempt_->Text(0));
  const std::string state(attempt_->Text(1));
  const std::int64_t last = attempt_->Int(2);
  attempt_->Reset();
  if (message.has_assign() && token != message.assign().lease_token())
    basis_->Violate("{} is assigned with a token that is not the stored one", id);
  if (message.has_ack() && last < message.ack().sequence())
    basis_->Violate("{}: {} windows are acknowledged, {} are stored", id, message.ack().sequence(), last);
  if (message.has_finished_ack() && state != "ENDED") basis_->Violate("{}: its end is acknowledged and not stored", id);
}

void Audit::CheckRound() {
  constexpr std::uint64_t kRarely = 40;
  if (!version_ || basis_->violation) return;
  const Observing observing(disk_);
  (void)version_->Start();
  const auto read = version_->Step();
  if (!read.ok() || !*read) return basis_->Violate("cannot be read: {}", std::string(read.status().message()));
  const std::int64_t version = version_->Int(0);
  version_->Reset();
  if (std::exchange(seen_version_, version) == version) return;
  CheckGivenUp();
  if (++rounds_ % kRarely == 0) CheckAll();
}

void Audit::CheckGivenUp() {
  (void)given_up_->Start();
  for (auto more = given_up_->Step(); more.ok() && *more; more = given_up_->Step()) {
    const std::string id(given_up_->Text(0));
    // What the coordinator finds at its start an earlier one has done, at a time that nobody knows.
    const bool is_new = seen_given_up_.insert(id).second;
    if (!is_new || seen_version_ == 0) continue;
    // It is the machine that was silent; a copy of its agent may be heard.
    if (ledger_->IsCopied(std::string(given_up_->Text(1)))) continue;
    const double silence = ledger_->Silence(std::string(given_up_->Text(1)));
    const bool moved = given_up_->Text(2).starts_with(kSlotMoved);
    const double granted = settings_.lost_after_seconds + (moved ? settings_.slot_timeout_seconds : 0);
    if (silence < granted - 1e-6)
      basis_->Violate("{} is given up ({}) after {:.1f} s of silence, where {:.1f} s are granted", id,
                      std::string(given_up_->Text(2)), silence, granted);
  }
  given_up_->Reset();
}

void Audit::EachOf(const std::string& sql, const std::function<void(const store::Statement&)>& take) {
  if (!connection_) return;
  auto statement = statements_.find(sql);
  if (statement == statements_.end()) {
    auto prepared = connection_->Prepare(sql);
    if (!prepared.ok()) return basis_->Violate("{}", std::string(prepared.status().message()));
    statement = statements_.emplace(sql, *std::move(prepared)).first;
  }
  (void)statement->second.Start();
  while (true) {
    const auto more = statement->second.Step();
    if (!more.ok()) return basis_->Violate("cannot be read: {}", std::string(more.status().message()));
    if (!*more) return;
    take(statement->second);
  }
}

void Audit::Each(const std::string& sql, const std::function<void(const Row&)>& take) {
  EachOf(sql, [&](const store::Statement& at) {
    Row row;
    for (int i = 0; i < at.columns(); ++i) row.emplace_back(at.Text(i));
    take(row);
  });
}

void Audit::ExpectNone(const char* rule, const std::string& sql) {
  Each(sql, [&](const Row& row) { basis_->Violate("{}: {}", row[0], rule); });
}

void Audit::CheckAll() {
  if (!connection_ || basis_->violation) return;
  const Observing observing(disk_);
  CheckTables();
  CheckBudgets();
  CheckPromises();
  CheckAttempts();
}

void Audit::CheckTables() {
  ExpectNone(
      "its windows are not 1 to last_sequence, each once",
      "SELECT printf('s%d.%d.%d', a.sweep, a.job, a.attempt) FROM attempts a LEFT JOIN (SELECT sweep, job, attempt, "
      "COUNT(*) n, MIN(sequence) low, MAX(sequence) high FROM windows GROUP BY 1, 2, 3) w USING (sweep, job, "
      "attempt) WHERE COALESCE(n, 0) <> last_sequence OR (n > 0 AND (low <> 1 OR high <> last_sequence))");
  ExpectNone("attempts of two agents at once on this device",
             "SELECT j.device_id FROM attempts a JOIN jobs j USING (sweep, job) WHERE a.state <> 'ENDED' GROUP BY 1 "
             "HAVING COUNT(DISTINCT agent_id) > 1");
  ExpectNone("more attempts at once of this agent than are handed out ahead",
             absl::StrCat("SELECT agent_id FROM attempts WHERE state <> 'ENDED' GROUP BY 1 HAVING COUNT(*) > ",
                          1 + settings_.jobs_ahead));
  ExpectNone("two attempts at once at this job",
             "SELECT printf('s%d.%d', sweep, job) FROM attempts WHERE state <> 'ENDED' GROUP BY sweep, job HAVING "
             "COUNT(*) > 1");
  CheckControls();
  CheckSlots();
  ExpectNone(
      "has a result that is not of a completed attempt and job",
      "SELECT printf('s%d.%d.%d', r.sweep, r.job, r.attempt) FROM results r JOIN attempts a USING (sweep, job, "
      "attempt) JOIN jobs j USING (sweep, job) WHERE a.outcome IS NOT 'COMPLETED' OR j.outcome IS NOT 'COMPLETED'");
  ExpectNone("is completed without a result",
             "SELECT printf('s%d.%d', sweep, job) FROM jobs WHERE outcome = 'COMPLETED' AND NOT EXISTS (SELECT 1 FROM "
             "results r WHERE r.sweep = jobs.sweep AND r.job = jobs.job)");
  ExpectNone(
      "its attempts are not numbered 1 to the number stored",
      "SELECT printf('s%d.%d', sweep, job) FROM jobs j WHERE attempts <> (SELECT COUNT(*) FROM attempts a WHERE "
      "a.sweep = j.sweep AND a.job = j.job) OR attempts <> (SELECT COALESCE(MAX(attempt), 0) FROM attempts a WHERE "
      "a.sweep = j.sweep AND a.job = j.job)");
  ExpectNone(
      "its state does not go with its newest attempt's",
      "SELECT printf('s%d.%d', j.sweep, j.job) FROM jobs j LEFT JOIN attempts a ON a.sweep = j.sweep AND a.job = "
      "j.job AND a.attempt = j.attempts WHERE (j.state IN ('ASSIGNED', 'RUNNING')) <> (COALESCE(a.state, 'ENDED') "
      "<> 'ENDED')");
  ExpectNone("has ended, and not all of its jobs have",
             "SELECT printf('s%d', s.sweep) FROM sweeps s JOIN jobs j USING (sweep) WHERE s.state IN ('COMPLETED', "
             "'CANCELLED') AND j.state <> 'ENDED'");
}

void Audit::CheckBudgets() {
  Each(
      "SELECT printf('s%d', sweep), printf('s%d.%d', sweep, job), outcome, reason, losses, failures, "
      "(SELECT COUNT(*) FROM attempts a WHERE a.sweep = j.sweep AND a.job = j.job AND outcome = 'FAILED'), "
      "(SELECT COUNT(*) FROM attempts a WHERE a.sweep = j.sweep AND a.job = j.job AND outcome IN ('LOST', 'CANCELLED') "
      "AND error NOT IN ('cancelled by the operator', 'the machine had left') AND error NOT LIKE 'its slot went%' AND "
      "error NOT LIKE '%the agent is draining'), "
      "(SELECT COUNT(*) FROM attempts a WHERE a.sweep = j.sweep AND a.job = j.job AND outcome IN ('LOST', 'CANCELLED') "
      "AND error NOT IN ('cancelled by the operator', 'the machine had left') AND error NOT LIKE 'its slot went%' AND "
      "started_unix IS NOT NULL) "
      "FROM jobs j WHERE attempts > 0",
      [&](const Row& row) {
        const auto number = [&](std::size_t column) { return std::stoi(row[column]); };
        const int losses = number(4);
        const int failures = number(5);
        const bool again = ledger_->retry_asked(row[0]);  // then budgets began anew
        const auto wrong = [&](const char* what) {
          basis_->Violate("{}: {} (failures {} of {} attempts FAILED; losses {} of {} LOST, of which {} had started)",
                          row[1], what, failures, row[6], losses, row[7], row[8]);
        };
        if (failures > number(6) || (!again && failures != number(6))) wrong("failures are not counted once each");
        if (losses > number(7) || (!again && losses < number(8))) wrong("losses are not counted once each");
        if (failures > static_cast<int>(settings_.cell_attempts) ||
            losses > static_cast<int>(settings_.infrastructure_attempts))
          wrong("tried beyond its budget");
        if (row[2] == "FAILED" && failures < static_cast<int>(settings_.cell_attempts)) wrong("given up too early");
        if (row[2] == "LOST" && row[3] != kMachineLeft && losses < static_cast<int>(settings_.infrastructure_attempts))
          wrong("given up too early");
      });
  ExpectNone(
      "still to be tried although a smaller batch size ran out of memory",
      "SELECT printf('s%d.%d', k.sweep, k.job) FROM jobs j JOIN jobs k ON k.sweep = j.sweep AND k.device_id = "
      "j.device_id AND k.role = 'MEASUREMENT' AND k.model = j.model AND k.batch_size > j.batch_size AND k.state <> "
      "'ENDED' AND k.failures + k.losses = 0 AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.sweep = k.sweep AND "
      "a.job = k.job AND (a.started_unix IS NOT NULL OR a.outcome IN ('FAILED', 'LOST'))) WHERE j.role = 'MEASUREMENT' "
      "AND j.outcome = "
      "'OUT_OF_MEMORY'");
}

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
    if (story.spawned) wrong("its child has run");
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
