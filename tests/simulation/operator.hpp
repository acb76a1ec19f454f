// The operator: makes a token, submits sweeps, cancels, retries, drains, and asks again until there is an answer. As
// coordinator/server's services do it, but for the wire.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "coordinator.hpp"

namespace rsg::sim {

class Operator {
 public:
  Operator(Basis* basis, Ledger* ledger, Coordinator* coordinator, Audit* audit)
      : basis_(basis), ledger_(ledger), coordinator_(coordinator), audit_(audit) {}

  void MakeToken(std::function<void(const std::string& secret)> made);
  void Submit(const v1::SweepSpec& spec);
  void Cancel(std::int64_t sweep);
  void Retry(std::int64_t sweep);
  void Drain(const std::string& agent);
  /// The coordinator's database was put back, and the ledger with it.
  void PutBack();

  /// That are known to be stored.
  const std::vector<std::int64_t>& sweeps() const { return sweeps_; }
  /// Submissions that have no answer yet.
  int waiting() const { return waiting_; }

 private:
  void SubmitAs(const v1::SubmitSweepRequest& request);
  void Submitted(const std::string& request, std::int64_t sweep);
  void RetryEnded(std::int64_t sweep);
  void Again(std::function<void()> what) { basis_->time.After(basis_->random.Between(1, 5), std::move(what)); }

  Basis* basis_;
  Ledger* ledger_;
  Coordinator* coordinator_;
  Audit* audit_;
  std::vector<std::int64_t> sweeps_;
  int waiting_ = 0;
};

}  // namespace rsg::sim
