// Listings as the kernel wants them: records packed into a buffer of its size.
#pragma once

#include <fuse_lowlevel.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fs/fuse/request.h"

namespace glancefs::fs {

enum class ListingKind {
  kNames,      ///< READDIR
  kWithNodes,  ///< READDIRPLUS: each record is a lookup, too
};

/// The records after `offset` that fit into `room` bytes; none: the end. "." and ".." come first,
/// then what Listing says. At offset 0 the listing is taken anew, so rewinddir(3) shows the
/// present. What has gone since is left out; attributes are those of this moment. Throws what
/// Filesystem::list() throws.
std::vector<std::byte> list_from(fuse_req_t request, OpenDirectory& directory, std::uint64_t offset,
                                 std::size_t room, ListingKind kind);

}  // namespace glancefs::fs
