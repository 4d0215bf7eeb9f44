// The mounts that a command is about.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "fs/mount/mount_point.h"

namespace glancefs::fs {

/// A file as a daemon knows it.
struct MountedFile {
  MountEntry mount;
  ino_t node = 0;  ///< its inode number
};

/// All mounts of glancefs, each once, under the name it was given first.
std::vector<MountEntry> all_mounts();

/// The mount that `path` (absolute) is on. Throws runtime_error: there is no such file, or it is on
/// no glancefs. The root of a mount is found without touching it, also when its daemon hangs.
MountEntry mount_of(const std::string& path);

/// The file `path` itself. Throws as mount_of(), and what stat(2) says.
MountedFile file_on_mount(const std::string& path);

}  // namespace glancefs::fs
