// Core files hold whatever a process knows, secrets included.
#pragma once
#include <sys/resource.h>

namespace rsg {

/// No core dump of this process and its children: 0 on success. Async-signal-safe.
inline int ForbidCoreDumps() {
  // Not 0: a handler behind a pipe (apport, systemd-coredump) is given a dump all the same, but for a limit of 1, and
  // no file is as small as that. See core(5) and fs/coredump.c. Where somebody has set the limit to 0 for good, that
  // is all there is.
  rlimit limit{.rlim_cur = 1, .rlim_max = 1};
  if (setrlimit(RLIMIT_CORE, &limit) == 0) return 0;
  limit = {.rlim_cur = 0, .rlim_max = 0};
  return setrlimit(RLIMIT_CORE, &limit);
}

}  // namespace rsg
