// The kernel's operations on the disk below a file: holes, and room taken beforehand.
#pragma once

#include <fuse_lowlevel.h>

namespace glancefs::fs {

/// Sets fallocate and lseek in `all`.
void add_space_operations(fuse_lowlevel_ops& all) noexcept;

}  // namespace glancefs::fs
