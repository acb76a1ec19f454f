// Core files hold whatever a process knows, secrets included.
#pragma once
#include <sys/resource.h>

namespace rsg {

/// No core dump of this process and its children: 0 on success. Async-signal-safe.
inline int ForbidCoreDumps() {
  // Not 0: a handler behind a pipe (apport, systemd-coredump) is given a dump all the same, but for a limit of 1, and
  // no file is as small as that. See core(5) and fs/coredump.c.
  const rlimit least{.rlim_cur = 1, .rlim_max = 1};
  return setrlimit(RLIMIT_CORE, &least);
}

}  // namespace rsg
