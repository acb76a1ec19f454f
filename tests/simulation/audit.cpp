#include "audit.hpp"

#include <utility>

#include "coordinator/schedule/records.hpp"

namespace rsg::sim {
namespace {

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

}  // namespace rsg::sim
