// What the spools of one directory share: the files' place and the limit on their bytes.
#pragma once

#include <cstdint>
#include <string>

#include "base/mutex.h"
#include "cache/private_directory.h"

namespace glancefs::cache {

/// Counts the disk taken by all spool files of the directory, other processes' too. Thread-safe.
/// Exact for one process; with several, each may overshoot by kRecount before it sees the others.
class SpoolDirectory {
 public:
  /// `limit`: bytes; 0: none.
  SpoolDirectory(PrivateDirectory directory, std::uint64_t limit);

  const PrivateDirectory& files() const noexcept { return directory_; }
  bool limited() const noexcept { return limit_ != 0; }

  /// Sets `bytes` of room aside for a write about to be done, or throws system_error ENOSPC.
  void reserve(std::uint64_t bytes);
  /// The write is over: gives back what reserve() set aside, counts what the file has really grown
  /// (or shrunk) by.
  void settle(std::uint64_t reserved, std::int64_t growth) noexcept;

 private:
  /// After so many bytes of its own a process looks again what the others have written.
  static constexpr std::uint64_t kRecount = 8ULL * 1024 * 1024;

  std::uint64_t count() const;

  const PrivateDirectory directory_;
  const std::uint64_t limit_;

  Mutex mutex_;
  std::uint64_t used_ GUARDED_BY(mutex_) = 0;
  std::uint64_t set_aside_ GUARDED_BY(mutex_) = 0;
  std::uint64_t since_count_ GUARDED_BY(mutex_) = kRecount;  // the first write looks, too
};

}  // namespace glancefs::cache
