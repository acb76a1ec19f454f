// What must hold of what is stored, whatever has happened.
#include "absl/strings/str_cat.h"
#include "audit.hpp"

namespace rsg::sim {

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

}  // namespace rsg::sim
