#pragma once

namespace rsg {

/// Short git hash of the source tree when it was built, with "-dirty" when it had changes; empty outside git.
const char* SourceRevision();

}  // namespace rsg
