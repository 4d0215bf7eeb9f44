// The cache directory, its index, and the room in it: what is kept stays within the limits, the
// objects used longest ago going first.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "cache/disk_store.h"
#include "cache/index.h"
#include "cache/private_directory.h"

namespace glancefs::cache {

/// Shared by a store and its entries. Thread-safe. Only the constructor throws: afterwards a
/// failing index means that nothing more is kept, never that a read fails; it is logged once per
/// cause.
class DiskRoom {
 public:
  /// Opens or makes the directory, its index and what belongs to it. Throws system_error.
  explicit DiskRoom(const DiskStoreConfig& config);

  const PrivateDirectory& files() const noexcept { return files_; }

  /// Reserves `least` to `most` bytes for the object `name`, evicting others. 0: no room.
  std::uint64_t reserve(const std::string& name, std::uint64_t least, std::uint64_t most) noexcept;
  /// Frees at least `bytes` by evicting objects that nobody has open. False: there were not enough.
  bool evict(std::uint64_t bytes) noexcept;
  /// Counts blocks that an open object has given up by itself.
  void count_evicted(std::uint64_t bytes) noexcept { evicted_ += bytes; }

  /// Keep the index up to date; see Index.
  void use(const IndexRow& row, const std::string& source) noexcept;
  void rename(const std::string& from, const IndexRow& to, const std::string& source) noexcept;
  void set_bytes(const std::string& name, std::uint64_t bytes) noexcept;
  std::optional<std::string> name_of(const std::string& source) noexcept;
  bool leave(const std::string& source, const std::string& name) noexcept;
  bool pin(const std::string& source, bool pinned) noexcept;
  bool pinned(const std::string& source) noexcept;
  /// Removes an object's files and its row, whoever has it open.
  void remove(const std::string& name) noexcept;

  /// All objects, and who uses which; see Index.
  std::vector<IndexRow> rows() noexcept;
  std::vector<std::pair<std::string, std::string>> sources() noexcept;
  /// Evicts until what is kept is within the limits. False: what is left is open or pinned.
  bool evict_to_limits() noexcept;
  /// Bytes reserved by all objects, and how many objects there are.
  IndexRow totals() noexcept;
  std::uint64_t limit() const noexcept { return config_.limit; }
  std::uint64_t evicted() const noexcept { return evicted_; }

  /// Logs a failure of the disk, the first time this errno is seen.
  void complain(const std::exception& error) noexcept;

 private:
  void prepare();
  void open_index() REQUIRES(mutex_);
  bool evict_from(Index& index, std::uint64_t bytes);
  bool evict_one(Index& index, const IndexRow& row);
  /// Bytes that the disk has left, and those of them that are not to stay free. Both throw
  /// system_error.
  std::uint64_t disk_free() const;
  std::uint64_t disk_left() const;

  template <typename Work>
  std::invoke_result_t<Work, Index&> guarded(Work work) noexcept REQUIRES(mutex_);

  const DiskStoreConfig config_;
  const PrivateDirectory files_;
  const Fd presence_;  // locked as long as this store is open: others then leave orphans alone
  std::atomic<std::uint64_t> evicted_ = 0;

  Mutex mutex_;
  std::optional<Index> index_ GUARDED_BY(mutex_);

  Mutex complaints_mutex_;
  std::set<int> complaints_ GUARDED_BY(complaints_mutex_);
};

}  // namespace glancefs::cache
