// Option bg: going on trying where the network comes up later than the mount.
#pragma once

#include <functional>

#include "fs/mount/daemon.h"
#include "fs/mount/known_login.h"
#include "fs/mount/options.h"

namespace glancefs::fs {

/// Calls `log_in`. With `options.background`, while nobody answers, it lets the process that waits
/// for us return, and tries again for `options.retry`, after 1 s, 2 s … 30 s. A refusal is thrown
/// at once, the last outage when the time is over; who has been let go reads it in the log.
/// Before anything is mounted, and with the signals' default dispositions, which end the waiting.
KnownLogin log_in_patiently(const Options& options, Ready& ready,
                            const std::function<KnownLogin()>& log_in);

}  // namespace glancefs::fs
