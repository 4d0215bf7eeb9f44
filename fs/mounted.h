// What happens while it is mounted: signals, what they ask for, and the end.
#pragma once

#include "client/session.h"
#include "fs/filesystem.h"
#include "fs/fuse/session.h"
#include "fs/mount/daemon.h"
#include "fs/setting.h"

namespace glancefs::fs {

/// Answers the kernel until somebody unmounts or a signal ends it; returns when what waits has been
/// uploaded, or the time for that is up. `ready` is told when everybody may use the mount.
void serve_mounted(const Setting& setting, client::Session& session, Filesystem& files,
                   FuseSession& fuse, Ready& ready);

}  // namespace glancefs::fs
