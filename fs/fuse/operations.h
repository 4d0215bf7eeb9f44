// The kernel's operations, each brought to Filesystem: the shell between libfuse and the meaning.
#pragma once

#include <fuse_lowlevel.h>

namespace glancefs::fs {

/// The operations for a session whose user data is a Shell. Those that are absent the kernel
/// answers itself after asking once: FORGET (nodes are not counted), FALLOCATE (EOPNOTSUPP),
/// COPY_FILE_RANGE (the kernel copies), LSEEK (all of a file is data), IOCTL (ENOTTY), FSYNCDIR and
/// ACCESS (success; mounts always have default_permissions), locks (kept by the kernel).
const fuse_lowlevel_ops& operations() noexcept;

}  // namespace glancefs::fs
