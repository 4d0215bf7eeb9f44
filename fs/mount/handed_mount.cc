#include "fs/mount/handed_mount.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <string_view>

#include "fs/mount/start_error.h"

namespace glancefs::fs {
namespace {

constexpr std::string_view kPrefix = "/dev/fd/";
// Of /dev/fuse, as the kernel has registered them (Documentation/admin-guide/devices.txt).
constexpr unsigned kMajor = 10;
constexpr unsigned kMinor = 229;

bool is_fuse_device(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) &&
         status.st_rdev == makedev(kMajor, kMinor);
}

}  // namespace

std::optional<int> handed_descriptor(const std::string& mount_point) {
  if (!mount_point.starts_with(kPrefix)) return std::nullopt;
  int fd = -1;
  const char* const end = mount_point.data() + mount_point.size();
  const auto [rest, error] = std::from_chars(mount_point.data() + kPrefix.size(), end, fd);
  if (error != std::errc() || rest != end || !is_fuse_device(fd)) {
    throw StartError(ExitCode::kMountFailed,
                     fmt::format("{}: not a descriptor of /dev/fuse", mount_point),
                     "who calls it so opens /dev/fuse, mounts, and leaves it open: mount.fuse3 -o "
                     "drop_privileges does");
  }
  return fd;
}

}  // namespace glancefs::fs
