// Tells umount(8) that this mount has a helper: umount.fuse.glancefs.
#pragma once

#include <string>

namespace glancefs::fs {

/// While it lives, libmount's table of mounts (/run/mount/utab) says so. umount(8) looks up the
/// type of a mount, and with it the helper, only when that table knows the mount; it does when
/// mount(8) was given a word such as _netdev, but not of a mount that was made without mount(8).
/// Only root can write the table, others' umount does not call helpers: then it does nothing.
/// Trouble is logged and no more: umount then comes back before the uploads are done.
class UnmountNotice {
 public:
  UnmountNotice(const std::string& source, const std::string& mount_point) noexcept;
  ~UnmountNotice();
  UnmountNotice(const UnmountNotice&) = delete;
  UnmountNotice& operator=(const UnmountNotice&) = delete;

 private:
  std::string mount_point_;  ///< empty: the table does not know it
};

}  // namespace glancefs::fs
