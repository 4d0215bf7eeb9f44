// One object on disk: a data file and its map, with what is present known in memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <vector>

#include "base/fd.h"
#include "base/mutex.h"
#include "cache/map_file.h"

namespace glancefs::cache {

/// Thread-safe. Two bits of memory per block: present, and compared with its checksum since this
/// was opened. What the disk cannot read is missing; what it cannot write throws system_error.
class BlockFile {
 public:
  /// Takes over both files, whose map has a good header. Reads the map.
  BlockFile(Fd data, MapFile map, std::uint64_t size);

  std::uint64_t size() const noexcept { return size_; }
  std::uint64_t present() const noexcept { return present_.load(); }
  bool complete() const noexcept { return present() == size_; }
  /// Counts blocks that were present and are no more: equal before and after means that what was
  /// there before has not changed, since a present block is never written.
  std::uint64_t losses() const noexcept { return losses_.load(); }
  const std::shared_ptr<const Fd>& data() const noexcept { return data_; }
  const MapFile& map() const noexcept { return map_; }

  /// As Entry's. `damaged` becomes true when a block was not what its checksum says and is now
  /// absent.
  std::optional<Extent> missing(std::uint64_t offset, std::uint64_t length) const;
  std::size_t read(std::uint64_t offset, std::span<std::byte> into, bool& damaged);

  /// Bytes of the blocks in the range that are absent: what write() would add.
  std::uint64_t absent_bytes(std::uint64_t offset, std::uint64_t length) const;
  /// Keeps the absent ones of these whole blocks. Throws system_error; some may then be kept.
  void write(std::uint64_t offset, std::span<const std::byte> bytes);

  /// All blocks absent, and their disk freed. Throws system_error.
  void clear();
  /// Gives up at least `bytes` (if there are so many) of the blocks outside [begin, end), in a
  /// ring: where the last call ended this one goes on, so that those written longest ago go first
  /// when an object is read front to back. Returns how many bytes. Throws system_error.
  std::uint64_t give_up(std::uint64_t bytes, Extent except);

 private:
  struct Block {
    bool present = false, compared = false;
  };

  std::uint64_t length_of(std::uint64_t block) const;
  Block state(std::uint64_t block) const;
  void set(std::uint64_t first, std::uint64_t count, bool present);
  void mark_compared(std::uint64_t first, std::uint64_t count);
  std::uint64_t run(std::uint64_t first, std::uint64_t end, bool present, bool compared) const;
  std::size_t read_compared(std::uint64_t offset, std::span<std::byte> into);
  std::size_t compare(std::uint64_t first, std::span<std::byte> into, bool& damaged);
  std::size_t read_part(std::uint64_t offset, std::span<std::byte> into, bool& damaged);
  void lose(std::uint64_t block);
  void punch(std::uint64_t first, std::uint64_t count);

  const std::uint64_t size_;
  const std::shared_ptr<const Fd> data_;
  const MapFile map_;
  std::atomic<std::uint64_t> present_ = 0;
  std::atomic<std::uint64_t> losses_ = 0;

  // Readers share it, so that no block turns into a hole under a read that found it present.
  // Order: write_mutex_, holes_, bits_mutex_.
  std::shared_mutex holes_;

  Mutex write_mutex_;  // one writer at a time: two that bring the same block must not mix
  std::uint64_t ring_ GUARDED_BY(write_mutex_) = 0;

  mutable Mutex bits_mutex_;
  std::vector<bool> here_ GUARDED_BY(bits_mutex_);
  std::vector<bool> compared_ GUARDED_BY(bits_mutex_);
};

}  // namespace glancefs::cache
