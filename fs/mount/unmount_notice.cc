#include "fs/mount/unmount_notice.h"

#include <libmount.h>
#include <unistd.h>

#include <memory>

#include "base/log.h"

namespace glancefs::fs {
namespace {

struct UpdateDeleter {
  void operator()(libmnt_update* update) const noexcept { mnt_free_update(update); }
};
using Update = std::unique_ptr<libmnt_update, UpdateDeleter>;

// `fs`: an entry to add; null: the one of `target` goes. Answers what libmount does: 0 is success.
int update_table(const char* target, libmnt_fs* fs) noexcept {
  const Update update(mnt_new_update());
  if (!update) return -ENOMEM;
  const int wanted = mnt_update_set_fs(update.get(), 0, target, fs);
  if (wanted != 0) return wanted < 0 ? wanted : 0;  // 1: nothing to do
  return mnt_update_table(update.get(), nullptr);
}

}  // namespace

UnmountNotice::UnmountNotice(const std::string& source, const std::string& mount_point) noexcept {
  if (::geteuid() != 0) return;
  libmnt_fs* const fs = mnt_new_fs();
  if (fs == nullptr) return;
  int error = mnt_fs_set_source(fs, source.c_str());
  if (error == 0) error = mnt_fs_set_target(fs, mount_point.c_str());
  if (error == 0) error = mnt_fs_append_options(fs, "uhelper=fuse.glancefs");
  if (error == 0) {
    update_table(mount_point.c_str(), nullptr);  // what a daemon that was killed has left
    error = update_table(nullptr, fs);
  }
  mnt_unref_fs(fs);
  if (error == 0) {
    mount_point_ = mount_point;
  } else {
    log::info("umount(8) will not wait for uploads: {}",
              std::generic_category().message(error < 0 ? -error : error));
  }
}

UnmountNotice::~UnmountNotice() {
  // umount(8) has removed it already, unless we end for another reason.
  if (!mount_point_.empty()) update_table(mount_point_.c_str(), nullptr);
}

}  // namespace glancefs::fs
