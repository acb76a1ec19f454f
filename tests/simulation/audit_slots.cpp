// Of sweeps that take one machine of a kind: its slot may go to another, and nothing is measured twice.
#include "absl/strings/str_cat.h"
#include "audit.hpp"

namespace rsg::sim {

void Audit::CheckSlots() {
  const auto expect_none = [this](const char* rule, const std::string& sql) {
    Each(sql, [&](const Row& row) {
      // A retry by hand reopens what failed on a machine that has no slot any more.
      if (!ledger_->retry_asked(row[0])) basis_->Violate("{}: {} on {}", row[0], rule, row[1]);
    });
  };
  const std::string of_one =
      "SELECT printf('s%d', j.sweep), j.device_name FROM jobs j JOIN sweeps s USING (sweep) WHERE "
      "json_extract(s.spec, '$.devices.machines') = 1 AND j.role = 'MEASUREMENT' AND ";
  expect_none("two machines measure", absl::StrCat(of_one,
                                                   "j.state <> 'ENDED' GROUP BY j.sweep, j.device_name HAVING "
                                                   "COUNT(DISTINCT j.device_id) > 1"));
  expect_none("two results of one cell",
              absl::StrCat(of_one,
                           "j.outcome = 'COMPLETED' GROUP BY j.sweep, j.device_name, j.model, j.batch_size, "
                           "j.repeat HAVING COUNT(*) > 1"));
}

}  // namespace rsg::sim
