#include "fs/service/socket_place.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fd.h"

namespace glancefs::fs {

std::string socket_path(const std::string& runtime_directory, unsigned minor) {
  return fmt::format("{}/{}.sock", runtime_directory, minor);
}

std::vector<std::string> runtime_directories(uid_t owner, uid_t asker, const std::string& own) {
  std::vector<std::string> directories;
  if (owner == asker) directories.push_back(own);
  if (owner == 0) {
    directories.emplace_back("/run/glancefs");
  } else {
    directories.push_back(fmt::format("/run/user/{}/glancefs", owner));
    directories.push_back(fmt::format("/tmp/glancefs-{}", owner));
  }
  return directories;
}

sockaddr_un socket_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw_errno(ENAMETOOLONG, path);
  std::ranges::copy(path, std::begin(address.sun_path));
  return address;
}

ucred peer_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    throw_errno(errno, "SO_PEERCRED");
  }
  return peer;
}

}  // namespace glancefs::fs
