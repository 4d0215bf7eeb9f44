// The mounts of glancefs on this machine, and what they say of themselves.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "fs/mount/mount_point.h"

namespace glancefs::fs {

/// Those that are on top of their directories, in the order of `mountinfo`.
std::vector<MountEntry> glancefs_mounts(const std::string& mountinfo = "/proc/self/mountinfo");

/// The text of a file, at most `most` bytes from its end. Waits no longer than `limit`, which
/// matters where the file is a mount's whose daemon hangs. Throws system_error: ETIMEDOUT, or why
/// it cannot be read.
std::string text_of_file(const std::string& path, std::chrono::milliseconds limit,
                         std::size_t most = std::size_t{4} << 20);

}  // namespace glancefs::fs
