// What the options of a mount come to for what lies below the file system; the same for the daemon
// and for commands that look at its directories and its cloud without it.
#pragma once

#include <string>

#include "cache/disk_store.h"
#include "client/cloud.h"
#include "client/curl_transport.h"
#include "fs/mount/options.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {

client::TransportConfig transport_config(const Options& options, const client::Cloud& cloud,
                                         const Environment& environment);

std::string cache_directory(const Options& options, const Paths& paths);
std::string state_directory(const Options& options, const Paths& paths);

/// Throws system_error when the file system of the cache cannot be asked for its size.
cache::DiskStoreConfig store_config(const Options& options, const Paths& paths);

/// What the mount table shows as the source; `label`: of the cloud.
std::string mount_source(const Options& options, const std::string& label);

}  // namespace glancefs::fs
