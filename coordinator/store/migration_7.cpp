// How long the trainer waited for CPUs that others used.
#include "coordinator/store/migrations.hpp"

namespace rsg::store {

const char* const kMigration7 = R"sql(
ALTER TABLE windows ADD COLUMN cpu_wait_share REAL;
)sql";

}  // namespace rsg::store
