// How far ahead of a reader to fetch.
#pragma once

#include <cstdint>

#include "cache/store.h"

namespace glancefs::fs {

/// Watches the reads of one open file. One thread at a time.
class ReadAhead {
 public:
  /// What should be here or on its way when [offset, offset+length) of `size` bytes is read: begins
  /// at `offset` and holds at least the read. A run of reads in order doubles it from 1 to 64 MiB
  /// (never more than twice what was read is fetched in vain); any other read gets 256 KiB, which
  /// on a 20 ms link takes no longer than 64 KiB.
  cache::Extent next(std::uint64_t offset, std::uint64_t length, std::uint64_t size);

 private:
  std::uint64_t expected_ = 0;  ///< where the run goes on
  std::uint64_t run_ = 0;       ///< bytes read in order
};

}  // namespace glancefs::fs
