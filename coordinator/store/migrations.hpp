// The steps of the schema, each in a source of its own; a step that has been released is never changed.
#pragma once

namespace rsg::store {

extern const char* const kMigration1;  ///< tables, v_results, v_best
extern const char* const kMigration2;  ///< intervals, verdicts' evidence, keys, readings; control jobs and v_control
extern const char* const kMigration3;  ///< scripts
extern const char* const kMigration4;  ///< the outbox of W&B
extern const char* const kMigration5;  ///< taints, revoked agents
extern const char* const kMigration6;  ///< slots given away
extern const char* const kMigration7;  ///< waiting for CPUs

}  // namespace rsg::store
