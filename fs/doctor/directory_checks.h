// The directories on local disk: the cache, and where unfinished uploads wait.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "fs/doctor/finding.h"
#include "fs/mount/option_value.h"

namespace glancefs::fs {

/// What is known of a directory, or of the nearest one above that exists.
struct DirectoryFacts {
  std::string path;        ///< as asked for
  std::string existing;    ///< what there is of it
  std::string error;       ///< why it cannot be used; empty: it can
  std::string filesystem;  ///< type: "ext4", "tmpfs", "overlay" …
  std::uint64_t size = 0;  ///< bytes of that file system
  std::uint64_t free = 0;  ///< bytes that we may use there
};

/// Makes a file in it and removes that again; a directory that is not there yet is not made.
DirectoryFacts look_at_directory(const std::string& path);

/// `min_free`: what the cache leaves free there.
Finding check_cache_directory(const DirectoryFacts& facts, const Amount& min_free);
Finding check_state_directory(const DirectoryFacts& facts);
/// Whether the kernel will read complete images by itself. `release` as uname(2) says it.
Finding check_passthrough(const DirectoryFacts& cache, uid_t uid, const std::string& release,
                          bool wanted);

}  // namespace glancefs::fs
