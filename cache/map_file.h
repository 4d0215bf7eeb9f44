// The map beside an object's data: who the bytes belong to, and a checksum for each block that is
// present. doc/CACHE_FORMAT.md has the layout.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/fd.h"
#include "cache/store.h"

namespace glancefs::cache {

/// What the front of a map says.
struct MapHeader {
  Key key;
  bool sealed = false;
};

/// The checksum of a block: never 0, and another one at another index.
using BlockSum = std::uint64_t;
inline constexpr BlockSum kAbsent = 0;
BlockSum block_sum(std::span<const std::byte> bytes, std::uint64_t index) noexcept;

/// Blocks an object of `size` bytes has.
constexpr std::uint64_t blocks_of(std::uint64_t size) {
  return size / kBlockSize + (size % kBlockSize == 0 ? 0 : 1);
}

/// Whether a map can hold the key: a source of at most 500 bytes, a hash no longer than any is.
bool fits_map(const Key& key) noexcept;

/// Reads and writes one map. It keeps nothing in memory. Methods throw system_error.
class MapFile {
 public:
  explicit MapFile(Fd fd) : fd_(std::move(fd)) {}
  const Fd& fd() const noexcept { return fd_; }

  /// nullopt: no map, of another version, or damaged.
  std::optional<MapHeader> header() const;
  /// EINVAL: the key does not fit.
  void write_header(const MapHeader& header) const;

  /// The sums of the blocks from `first` on; absent beyond the end of the file.
  void read(std::uint64_t first, std::span<BlockSum> sums) const;
  void write(std::uint64_t first, std::span<const BlockSum> sums) const;
  /// All blocks absent.
  void clear() const;

 private:
  Fd fd_;
};

}  // namespace glancefs::cache
