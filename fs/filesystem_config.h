// What the file system is told, made from the options of the mount.
#pragma once

#include "client/cloud.h"
#include "client/identity.h"
#include "fs/filesystem.h"
#include "fs/mount/options.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {

/// `who`: as whom we are logged in.
Config filesystem_config(const Options& options, const Paths& paths, const client::Cloud& cloud,
                         const client::Identity& who);

}  // namespace glancefs::fs
