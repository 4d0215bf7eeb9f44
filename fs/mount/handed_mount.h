// A mount that somebody else has made for us: `/dev/fd/N` as mount point.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"

namespace glancefs::fs {

/// The descriptor that `mount_point` ("/dev/fd/N") hands over, as mount.fuse3 with drop_privileges
/// and CSI drivers do: /dev/fuse, opened and mounted by the caller, who also unmounts. nullopt: it
/// is a directory's name. Throws StartError (kMountFailed) when N is not such a descriptor.
std::optional<int> handed_descriptor(const std::string& mount_point);

}  // namespace glancefs::fs
