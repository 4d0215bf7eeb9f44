// Where the socket of a mount is, for who serves it and who asks.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <string>
#include <vector>

namespace glancefs::fs {

/// The socket of the mount whose device number has this minor part. The kernel gives no two mounts
/// the same, and a bind mount has that of the mount it shows.
std::string socket_path(const std::string& runtime_directory, unsigned minor);

/// Where to look for the sockets of mounts that `owner` made, likeliest first. `own`: the runtime
/// directory of who asks (Paths::runtime), which counts for his own mounts.
std::vector<std::string> runtime_directories(uid_t owner, uid_t asker, const std::string& own);

/// `path` for bind(2) and connect(2). ENAMETOOLONG.
sockaddr_un socket_address(const std::string& path);

/// The user at the other end of a connected socket, and his process.
ucred peer_of(int socket);

}  // namespace glancefs::fs
