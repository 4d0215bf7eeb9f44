// The kernel's operations on extended attributes.
#pragma once

#include <fuse_lowlevel.h>

namespace glancefs::fs {

/// Sets the four operations in `all`.
void add_xattr_operations(fuse_lowlevel_ops& all) noexcept;

}  // namespace glancefs::fs
