// A Store on disk that survives restarts, kill -9 and power loss.
#pragma once

#include <memory>
#include <string>

#include "cache/store.h"

namespace glancefs::cache {

struct DiskStoreConfig {
  /// Made if absent (0700, with CACHEDIR.TAG). Must belong to this user and be writable by nobody
  /// else.
  std::string directory;
  std::uint64_t limit = 0;     ///< bytes of data kept at most; reserved before writing
  std::uint64_t min_free = 0;  ///< bytes left free on the file system
};

/// Opens the directory; several processes of one user may have it open at once. A damaged or
/// unknown index is set aside and rebuilt from the map files. Throws system_error (EACCES, EROFS,
/// ENOSPC …) with a text that names the directory and what is wrong.
std::unique_ptr<Store> open_disk_store(const DiskStoreConfig& config);

/// "SQLite 3.40.1", for people.
std::string database_library();

}  // namespace glancefs::cache
