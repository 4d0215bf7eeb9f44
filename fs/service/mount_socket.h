// The socket of a mount that has just been made.
#pragma once

#include <memory>
#include <string>

#include "fs/service/requests.h"
#include "fs/service/socket_server.h"

namespace glancefs::fs {

/// Listens in `directory` (made if absent) for who asks of the mount on `mount_point`. Null, and a
/// warning in the log, when that cannot be: the mount works without, and only the commands have
/// nobody to ask. `requests` must outlive it.
std::unique_ptr<SocketServer> open_mount_socket(const std::string& directory,
                                                const Requests& requests,
                                                const std::string& mount_point);

}  // namespace glancefs::fs
