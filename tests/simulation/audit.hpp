// Compares what is stored with what has happened. Reads over a connection of its own, beside the coordinator's, as its
// readers do; the disk's faults spare it.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/schedule/settings.hpp"
#include "coordinator/store/sqlite.hpp"
#include "disk.hpp"
#include "ledger.hpp"

namespace rsg::sim {

/// Why the coordinator has given an attempt up, in its words.
inline constexpr char kMachineLeft[] = "the machine had left";
inline constexpr char kSlotMoved[] = "its slot went to agent";

class Audit {
 public:
  /// `contested`: two agents announce one device.
  Audit(Basis* basis, Ledger* ledger, Disk* disk, const schedule::Settings& settings, bool contested);

  /// With the coordinator, whose database it is.
  void Open(const std::filesystem::path& database);
  void Close();

  /// That what the coordinator is telling an agent is stored.
  void CheckPromise(const v1::CoordinatorMessage& message);
  /// After each round of the coordinator: what can only be seen in time, and now and then all the rest.
  void CheckRound();
  /// All that must hold at any time.
  void CheckAll();
  /// All that must hold when everything is over: all has ended, all that could be kept was kept.
  void CheckEnd();

  std::set<std::string> StoredAttempts();
  /// One line each of what has not ended; empty when all has.
  std::string Unfinished();
  /// The number of the sweep that a request made, if it is stored.
  std::optional<std::int64_t> FindRequest(const std::string& request);

 private:
  /// Columns of a row, as texts; NULL is "".
  using Row = std::vector<std::string>;
  void Each(const std::string& sql, const std::function<void(const Row&)>& take);
  void EachOf(const std::string& sql, const std::function<void(const store::Statement&)>& take);
  /// Every row is a broken rule, of which the first column tells.
  void ExpectNone(const char* rule, const std::string& sql);
  void CheckGivenUp();
  void CheckTables();
  void ExpectNoneUnlessRetried(const char* rule, const std::string& sql);
  void CheckControls();
  void CheckSlots();
  void CheckBudgets();
  void CheckPromises();
  void CheckAttempts();
  void CheckFence(const std::string& id, const Story& story, const Row& attempt);
  void CheckContents();
  void CheckCounts();

  Basis* basis_;
  Ledger* ledger_;
  Disk* disk_;
  const schedule::Settings settings_;
  const bool contested_;
  std::optional<store::Connection> connection_;
  std::map<std::string, store::Statement> statements_;  // by their SQL
  std::optional<store::Statement> attempt_;
  std::optional<store::Statement> version_;
  std::optional<store::Statement> given_up_;
  std::int64_t seen_version_ = 0;  // of the database; 0: just opened
  std::uint64_t rounds_ = 0;
  std::set<std::string> seen_given_up_;
};

}  // namespace rsg::sim
