// Which devices have given their slot in a limited sweep away; until now that stood in the reason of their jobs alone.
#include "coordinator/store/migrations.hpp"

namespace rsg::store {

const char* const kMigration6 = R"sql(
ALTER TABLE jobs ADD COLUMN gave_slot_away INTEGER NOT NULL DEFAULT 0 CHECK (gave_slot_away IN (0, 1));
UPDATE jobs SET gave_slot_away = 1 WHERE outcome = 'SKIPPED' AND reason LIKE 'its slot went to %';
)sql";

}  // namespace rsg::store
