#include "coordinator/store/results_query.hpp"

#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/words.hpp"

namespace rsg::store {
namespace {

constexpr char kGroup[] = "device_name, model, script_sha256, image_size, precision, memory_format, mode";

// Conditions and the values that they compare with; only constant text goes into the SQL.
class Conditions {
 public:
  using Value = std::variant<std::int64_t, std::string>;

  /// `sql` is whole by itself.
  void Add(const std::string& sql) { terms_.push_back(sql); }
  /// `sql` holds one '?'.
  void Add(const std::string& sql, Value value) {
    terms_.push_back(sql);
    values_.push_back(std::move(value));
  }
  void Add(const std::string& sql, Value first, Value second) {
    Add(sql, std::move(first));
    values_.push_back(std::move(second));
  }
  std::string Sql() const { return absl::StrJoin(terms_, " AND "); }
  const std::vector<Value>& values() const { return values_; }

 private:
  std::vector<std::string> terms_{"TRUE"};
  std::vector<Value> values_;
};

absl::StatusOr<Conditions> ConditionsOf(const v1::QueryResultsRequest& request) {
  Conditions conditions;
  // As constants, so that the index of control jobs is used.
  conditions.Add(request.role() == v1::ROLE_CONTROL ? "role = 'CONTROL'" : "role = 'MEASUREMENT'");
  if (!request.sweep_id().empty()) {
    const auto sweep = schedule::ParseSweepId(request.sweep_id());
    if (!sweep) {
      return absl::InvalidArgumentError(
          absl::StrCat("sweep_id: \"", request.sweep_id(), "\" is no sweep; name one like s3 (`rsg sweep list`)"));
    }
    conditions.Add("sweep = ?", *sweep);
  }
  if (!request.model().empty()) conditions.Add("model = ?", request.model());
  if (const auto word = Word(request.precision()); !word.empty()) conditions.Add("precision = ?", word);
  if (const auto word = Word(request.outcome()); !word.empty()) conditions.Add("outcome = ?", word);
  if (!request.device_name().empty()) {
    conditions.Add("instr(lower(device_name), lower(?)) > 0", request.device_name());
  }
  return conditions;
}

absl::StatusOr<Statement> StartWith(Connection& connection, const std::string& sql,
                                    const std::vector<Conditions::Value>& values) {
  auto statement = connection.Prepare(sql);
  if (!statement.ok()) return statement;
  int at = 0;
  for (const auto& value : values) {
    ++at;
    auto bound = std::visit([&](const auto& concrete) { return statement->Set(at, concrete); }, value);
    if (!bound.ok()) return bound;
  }
  return statement;
}

}  // namespace

absl::StatusOr<Statement> SelectResults(Connection& connection, const v1::QueryResultsRequest& request,
                                        const std::optional<schedule::JobKey>& after, std::uint32_t limit) {
  auto conditions = ConditionsOf(request);
  if (!conditions.ok()) return conditions.status();
  if (!request.best()) {
    if (after) conditions->Add("(sweep, job) > (?, ?)", after->sweep, after->job);
    const std::string sql =
        absl::StrCat("SELECT sweep, job FROM v_ended WHERE ", conditions->Sql(), " ORDER BY sweep, job LIMIT ", limit);
    return StartWith(connection, sql, conditions->values());
  }
  const std::string competing = conditions->Sql();
  Conditions page;
  // A job's group never changes, so its place in the order holds although its group may have a better job by now.
  if (after) {
    page.Add(absl::StrCat("(", kGroup, ") > (SELECT ", kGroup, " FROM jobs WHERE sweep = ? AND job = ?)"), after->sweep,
             after->job);
  }
  const std::string sql =
      absl::StrCat("SELECT sweep, job FROM (SELECT sweep, job, ", kGroup, ", ROW_NUMBER() OVER (PARTITION BY ", kGroup,
                   " ORDER BY taints IS NOT NULL, throughput DESC, sweep, job) AS place FROM v_ended WHERE outcome = "
                   "'COMPLETED' AND ",
                   competing, ") WHERE place = 1 AND ", page.Sql(), " ORDER BY ", kGroup, " LIMIT ", limit);
  auto values = conditions->values();
  values.insert(values.end(), page.values().begin(), page.values().end());
  return StartWith(connection, sql, values);
}

}  // namespace rsg::store
