// The daemon: everything from the login to the last upload.
#pragma once

#include "fs/mount/daemon.h"
#include "fs/setting.h"

namespace glancefs::fs {

/// Builds the file system from the ground up, login first, and serves until it is unmounted. To be
/// called in the process that is to be the daemon. Throws why it cannot be mounted.
void serve(const Setting& setting, Ready& ready);

}  // namespace glancefs::fs
