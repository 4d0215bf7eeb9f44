// How far ahead of a reader to fetch.
#pragma once

#include <array>
#include <cstdint>

#include "cache/store.h"

namespace glancefs::fs {

/// Watches the reads of one open file. One thread at a time.
class ReadAhead {
 public:
  /// What should be here or on its way when [offset, offset+length) of `size` bytes is read: begins
  /// at `offset` and holds at least the read. A run of reads in order doubles it from 1 to 128 MiB
  /// (never more than twice what was read is fetched in vain); any other read gets 192 KiB, which
  /// on a 20 ms link takes no longer than 64 KiB. The window moves on by a quarter of itself, not
  /// with each read: one request for each read is what it is there to avoid.
  /// `lost`: the read needs bytes that are neither here nor on their way, so what was asked for
  /// before has been called off.
  cache::Extent next(std::uint64_t offset, std::uint64_t length, std::uint64_t size,
                     bool lost = false);

 private:
  /// Reads that go on where one another end. Programs with several threads make several.
  struct Run {
    std::uint64_t expected = 0;  ///< where it goes on
    std::uint64_t bytes = 0;     ///< read in order
    std::uint64_t asked = 0;     ///< up to where next() has asked for bytes
    std::uint64_t used = 0;      ///< when, counted in reads; 0: never
  };
  Run& run_of(std::uint64_t offset);

  // nbdcopy reads in four places at once, each by itself in order.
  std::array<Run, 8> runs_;
  std::uint64_t reads_ = 0;
};

}  // namespace glancefs::fs
