// Bringing index and files together when a store is opened.
#pragma once

#include "cache/index.h"
#include "cache/private_directory.h"

namespace glancefs::cache {

/// Forgets rows without files and enters files without rows, from what the maps' headers say. If
/// `alone` (no other process has the cache open) left-overs of a crash are removed, too: data
/// without a map, a map without data, maps that cannot be read. Throws system_error.
void reconcile(const PrivateDirectory& files, Index& index, bool alone);

}  // namespace glancefs::cache
