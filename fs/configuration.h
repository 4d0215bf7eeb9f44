// What the parts of the daemon are told, made from the options of the mount.
#pragma once

#include <string>

#include "cache/disk_store.h"
#include "client/cloud.h"
#include "client/curl_transport.h"
#include "client/identity.h"
#include "fs/filesystem.h"
#include "fs/mount/options.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {

client::TransportConfig transport_config(const Options& options, const client::Cloud& cloud,
                                         const Environment& environment);

std::string cache_directory(const Options& options, const Paths& paths);
std::string state_directory(const Options& options, const Paths& paths);

/// Throws system_error when the file system of the cache cannot be asked for its size.
cache::DiskStoreConfig store_config(const Options& options, const Paths& paths);

/// `who`: as whom we are logged in.
Config filesystem_config(const Options& options, const Paths& paths, const client::Cloud& cloud,
                         const client::Identity& who);

/// What the mount table shows as the source; `label`: of the cloud.
std::string mount_source(const Options& options, const std::string& label);

}  // namespace glancefs::fs
