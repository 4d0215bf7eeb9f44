#include "fs/service/mount_socket.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/fd.h"
#include "base/log.h"
#include "cache/private_directory.h"
#include "fs/mount/mount_point.h"
#include "fs/service/socket_place.h"

namespace glancefs::fs {

std::unique_ptr<SocketServer> open_mount_socket(const std::string& directory,
                                                const Requests& requests,
                                                const std::string& mount_point) {
  try {
    const std::vector<MountEntry> mounts = glancefs_mounts();
    const auto ours = std::ranges::find(mounts, mount_point, &MountEntry::target);
    if (ours == mounts.end()) throw_errno(ENOENT, mount_point + " in /proc/self/mountinfo");
    const auto answer = [&requests](const std::string& request, const std::stop_token& stop) {
      return requests.answer(request, stop);
    };
    // Ours, and nobody else writes it.
    const auto place = cache::PrivateDirectory::open(directory);
    return std::make_unique<SocketServer>(socket_path(place.path(), ours->minor), ::geteuid(),
                                          answer);
  } catch (const std::system_error& error) {
    log::warning("the commands of glancefs cannot ask this mount: {}", error.what());
    return nullptr;
  }
}

}  // namespace glancefs::fs
