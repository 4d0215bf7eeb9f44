#include "fs/command/mounts.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

namespace glancefs::fs {
namespace {

[[noreturn]] void fail(const std::string& path, std::string_view why) {
  throw std::runtime_error(fmt::format("{}: {}", path, why));
}

struct stat status_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return status;
  if (errno == ENOTCONN) fail(path, "the daemon of this mount has died; umount it");
  fail(path, std::generic_category().message(errno));
}

MountEntry mount_with(const std::vector<MountEntry>& mounts, const struct stat& status,
                      const std::string& path) {
  // The name that `path` goes through, if there are several of one mount.
  std::optional<MountEntry> found;
  for (const MountEntry& mount : mounts) {
    if (major(status.st_dev) != 0 || mount.minor != minor(status.st_dev)) continue;
    const bool through = path.starts_with(mount.target + "/") || path == mount.target;
    if (!found || through) found = mount;
  }
  if (!found) fail(path, "this is not on a mount of glancefs");
  return *found;
}

}  // namespace

std::vector<MountEntry> all_mounts() {
  std::vector<MountEntry> mounts;
  for (MountEntry& mount : glancefs_mounts()) {
    if (std::ranges::find(mounts, mount.minor, &MountEntry::minor) == mounts.end()) {
      mounts.push_back(std::move(mount));
    }
  }
  return mounts;
}

MountEntry mount_of(const std::string& path) {
  const std::vector<MountEntry> mounts = glancefs_mounts();
  const auto root = std::ranges::find(mounts, path, &MountEntry::target);
  return root != mounts.end() ? *root : mount_with(mounts, status_of(path), path);
}

MountedFile file_on_mount(const std::string& path) {
  const struct stat status = status_of(path);
  return {.mount = mount_with(glancefs_mounts(), status, path), .node = status.st_ino};
}

}  // namespace glancefs::fs
