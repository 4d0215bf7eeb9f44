// Where a file has no disk yet.
#pragma once

#include <cstdint>

#include "base/fd.h"

namespace glancefs::cache {

/// The bytes of [begin, end) that have no disk yet: what writing them will take. Widened to whole
/// pages. Looks at that part of the file only, where the file system can (FIEMAP). Throws
/// system_error.
std::uint64_t holes(const Fd& fd, std::uint64_t begin, std::uint64_t end);

}  // namespace glancefs::cache
