// The process that writes a file: whether it was killed before it was done, or has not closed it.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/fd.h"

namespace glancefs::fs {

/// Watches one process. Moving it is cheap. Not thread-safe.
class Writer {
 public:
  /// Nobody: never killed.
  Writer() = default;
  /// The process `pid`; one that has ended already counts as nobody.
  explicit Writer(pid_t pid) noexcept;

  pid_t pid() const noexcept { return pid_; }

  /// Whether a signal has ended it. Right away when asked on behalf of the dying process itself,
  /// and for good from Linux 6.15 on; before, no longer once its parent has taken note of its end.
  bool killed() const noexcept;

 private:
  pid_t pid_ = 0;
  Fd process_;
};

/// Whether the process has a descriptor open for writing on the file with this inode number: shells
/// close copies of one that they go on to use. False also when that cannot be seen (Linux before
/// 5.14, somebody else's process).
bool writes_on(pid_t process, std::uint64_t inode) noexcept;

}  // namespace glancefs::fs
