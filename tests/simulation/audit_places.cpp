// Where the cells of a sweep run, and in which order.
#include "absl/strings/str_cat.h"
#include "audit.hpp"

namespace rsg::sim {

// A retry by hand reopens what failed: on a machine that has no slot any more, and beside control cells.
void Audit::ExpectNoneUnlessRetried(const char* rule, const std::string& sql) {
  Each(sql, [&](const Row& row) {
    if (!ledger_->retry_asked(row[0])) basis_->Violate("{}: {} on {}", row[0], rule, row[1]);
  });
}

void Audit::CheckControls() {
  const std::string in_hand =
      "SELECT printf('s%d', c.sweep), c.device_id FROM jobs c JOIN jobs j ON j.sweep = c.sweep AND j.device_id = "
      "c.device_id AND j.job <> c.job WHERE c.role = 'CONTROL' AND ";
  ExpectNoneUnlessRetried("something is ahead of the control cell at the start",
                          absl::StrCat(in_hand,
                                       "c.repeat = 1 AND c.state <> 'ENDED' AND j.state IN ('ASSIGNED', "
                                       "'RUNNING')"));
  ExpectNoneUnlessRetried("the control cell at the end is ahead of something",
                          absl::StrCat(in_hand,
                                       "c.repeat = 2 AND c.state IN ('ASSIGNED', 'RUNNING') AND j.state <> "
                                       "'ENDED'"));
}

// Of a sweep that takes one machine of a kind.
void Audit::CheckSlots() {
  const std::string of_one =
      "SELECT printf('s%d', j.sweep), j.device_name FROM jobs j JOIN sweeps s USING (sweep) WHERE "
      "json_extract(s.spec, '$.devices.machines') = 1 AND j.role = 'MEASUREMENT' AND ";
  ExpectNoneUnlessRetried("two machines measure",
                          absl::StrCat(of_one,
                                       "j.state <> 'ENDED' GROUP BY j.sweep, j.device_name HAVING "
                                       "COUNT(DISTINCT j.device_id) > 1"));
  ExpectNoneUnlessRetried(
      "two results of one cell",
      absl::StrCat(of_one,
                   "j.outcome = 'COMPLETED' GROUP BY j.sweep, j.device_name, j.model, j.batch_size, "
                   "j.repeat HAVING COUNT(*) > 1"));
}

}  // namespace rsg::sim
