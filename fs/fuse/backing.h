// Which open files the kernel reads by itself.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>

#include "base/fd.h"
#include "base/mutex.h"
#include "fs/filesystem.h"

namespace glancefs::fs {

/// Where files are handed to the kernel: /dev/fuse, or what plays it in a test.
class BackingDevice {
 public:
  virtual ~BackingDevice() = default;
  /// Answers the number under which the kernel knows `file`, above 0. Throws system_error: EPERM
  /// (no CAP_SYS_ADMIN), ENOTTY (kernel too old), ELOOP (a stacked file system) and others.
  virtual std::int32_t open(const Fd& file) = 0;
  /// The number is used no more; those who have it open go on.
  virtual void close(std::int32_t id) noexcept = 0;
};

/// Decides how each open is answered, by the kernel's rules: while a file is open through the page
/// cache, an open in passthrough gets EIO; while it is open in passthrough, every open must be so,
/// with the same number. Opens with direct_io do not matter and are not told of. The kernel lets go
/// of a file before it sends RELEASE, so what is counted here is never less than what it holds.
/// Thread-safe.
class Backings {
 public:
  /// `files` must outlive it, and learns how reads go.
  explicit Backings(Filesystem& files) noexcept : files_(files) {}

  /// When the kernel has agreed, before the first open: `device` must outlive it.
  void use(BackingDevice& device) noexcept;

  /// Counts an open. Answers the number of the file at the kernel, or 0: through the page cache, by
  /// us. `file` holds all bytes and never changes, or is one that the kernel may write; null: there
  /// is none.
  std::int32_t enter(NodeId node, const Fd* file);
  /// Counts an open that only we can serve, since it may write. False, and not counted: the kernel
  /// reads the file by itself at present and would refuse it.
  bool enter_cached(NodeId node);
  /// The open that got `id` has ended. After the last in passthrough the kernel forgets the number,
  /// so call it before RELEASE is answered.
  void leave(NodeId node, std::int32_t id) noexcept;

 private:
  struct Opens {
    unsigned cached = 0, passed = 0;
    std::int32_t id = 0;  ///< of all that are passed
  };

  std::int32_t hand_over(const Fd& file, std::string& trouble) REQUIRES(mutex_);

  Filesystem& files_;
  Mutex mutex_;
  BackingDevice* device_ GUARDED_BY(mutex_) = nullptr;
  bool given_up_ GUARDED_BY(mutex_) = false;
  std::set<dev_t> stacked_ GUARDED_BY(mutex_);  ///< file systems that the kernel does not take
  std::unordered_map<NodeId, Opens> opens_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
