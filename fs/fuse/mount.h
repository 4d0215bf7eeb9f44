// From a MountConfig to the mount table.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "fs/fuse/session.h"

namespace glancefs::fs {

/// What libfuse is told with -o.
std::string libfuse_options(const MountConfig& config);

/// The mount option max_read in bytes; 0: none.
unsigned max_read(const MountConfig& config);

/// Throws system_error with words that help where those of libfuse and fusermount3 do not: ENOENT
/// or EACCES (/dev/fuse), EPERM (allow_other as a user).
void check_prerequisites(const MountConfig& config);

/// How far the kernel reads ahead in a file, in bytes, where it lets itself be told. Measured on
/// complete images without passthrough: 128 KiB, its own choice, 2.0 GiB/s; 512 KiB, 3.2 GiB/s;
/// 1 MiB, 3.6 GiB/s, but a page fault then reads 1 MiB around it, too.
inline constexpr unsigned kReadAhead = 512 * 1024;

/// Lets the kernel read kReadAhead ahead in what is mounted on `directory`. Between mounting and
/// the first answer, which the kernel takes the lesser of. Only root may; others keep what they
/// have.
void allow_read_ahead(const std::string& directory) noexcept;

/// A mount made by mount(2), as libfuse makes it for root, but with the connection in our hands.
class FuseMount {
 public:
  /// Throws system_error.
  explicit FuseMount(const MountConfig& config);
  /// Unmounts, also when files are open, unless somebody else has. REQUIRES that connection() has
  /// been closed: what the kernel has to say while it unmounts nobody would answer.
  ~FuseMount();
  FuseMount(const FuseMount&) = delete;
  FuseMount& operator=(const FuseMount&) = delete;

  /// Another descriptor of /dev/fuse, to serve on.
  Fd connection() const;
  int device() const noexcept { return device_.get(); }

 private:
  const std::string directory_;
  Fd device_;
  dev_t number_ = 0;  // st_dev of the mount
};

}  // namespace glancefs::fs
