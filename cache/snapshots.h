// Lists that outlive the process: named sets of keys and blobs, as they were at some time. What
// they mean, and how far to believe them, is the caller's business. The format on disk is
// doc/CACHE_FORMAT.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "cache/private_directory.h"
#include "cache/sqlite.h"

namespace glancefs::cache {

struct SnapshotRow {
  std::string key, value;
};

/// The file snapshots.sqlite in a cache directory, which several processes may have open. The sets
/// used longest ago go when there are more than 32.
///
/// Thread-safe; a mutex is held over the statements. Methods throw system_error when the disk does
/// not let it, and EIO when the file turned out to be damaged: it has then been begun anew, empty,
/// unless another process has it open; all later calls throw EIO in that case.
class Snapshots {
 public:
  /// Opens or makes the file. Throws system_error as PrivateDirectory::open() and the methods do.
  explicit Snapshots(const std::string& directory);

  /// As of when the set is; nullopt: there is no such set.
  std::optional<std::chrono::sys_seconds> taken(const std::string& set);

  /// Calls `each` for every row of the set, in order of the keys. Rows that are not as they were
  /// written are left out, and counted in the log.
  void load(const std::string& set,
            const std::function<void(std::string_view key, std::string_view value)>& each);

  /// Marks the set used now, as saving it does.
  void use(const std::string& set);

  /// Makes the set hold exactly these rows, in one transaction. REQUIRES `keys` sorted, without
  /// equals. `value` is asked for the blob of keys[i], of some more than once; only rows that
  /// differ are written.
  void replace(const std::string& set, std::chrono::sys_seconds taken,
               std::span<const std::string_view> keys,
               const std::function<std::string(std::size_t i)>& value);

  /// Adds or changes rows and removes others, in one transaction; does not touch the disk when all
  /// is so already and `taken` is less than 5 min after what is kept. False: there is no such set
  /// (any more), and nothing was written: half a set is none.
  bool update(const std::string& set, std::chrono::sys_seconds taken,
              const std::vector<SnapshotRow>& put, const std::vector<std::string>& removed);

 private:
  struct Kept {
    std::uint64_t number = 0;
    std::chrono::sys_seconds taken;
  };
  struct Difference {
    std::vector<std::size_t> put;
    std::vector<std::string> gone;
  };
  void open() REQUIRES(mutex_);
  void renew() REQUIRES(mutex_);
  template <typename Action>
  auto guarded(Action&& action) REQUIRES(mutex_);
  Database& database() REQUIRES(mutex_);
  std::optional<Kept> find(const std::string& set) REQUIRES(mutex_);
  std::uint64_t enter(const std::string& set, std::chrono::sys_seconds taken) REQUIRES(mutex_);
  void forget_oldest() REQUIRES(mutex_);
  void remove_rows(std::uint64_t number, std::span<const std::string> keys) REQUIRES(mutex_);
  Difference compare(std::uint64_t number, const std::string& set,
                     std::span<const std::string_view> keys,
                     const std::function<std::string(std::size_t)>& value) REQUIRES(mutex_);
  bool holds(std::uint64_t number, const std::string& set, const SnapshotRow& wanted)
      REQUIRES(mutex_);
  bool has(std::uint64_t number, const std::string& key) REQUIRES(mutex_);

  const PrivateDirectory directory_;
  Mutex mutex_;
  /// Locked shared while the database is open: who wants to begin it anew must be alone.
  Fd lock_ GUARDED_BY(mutex_);
  std::optional<Database> database_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::cache
