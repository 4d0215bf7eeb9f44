// What this machine has for a mount: FUSE, the helpers of mount(8), and its neighbours.
#pragma once

#include <string>
#include <vector>

#include "fs/doctor/finding.h"
#include "fs/mount/mount_point.h"
#include "fs/mount/options.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {

/// The parts of the system that the checks look at; other ones in tests.
struct SystemPlaces {
  MountSystem mount;
  std::string helper_directory = "/sbin";  ///< where mount(8) looks
  std::string updatedb_conf = "/etc/updatedb.conf";
};

/// Whether /dev/fuse and, for people other than root, fusermount3 can be used.
Finding check_fuse(const SystemPlaces& places, const Person& person);
/// Whether people may let others into their mounts.
Finding check_allow_other(const SystemPlaces& places, const Person& person, bool wanted);
/// Whether `mount -t glancefs` and umount(8) find us.
Finding check_helpers(const SystemPlaces& places);
/// Whether locate(1) would read through the whole catalogue each night.
Finding check_updatedb(const SystemPlaces& places);
/// Whether `path` can be mounted on, or what is mounted there already.
Finding check_mount_point(const SystemPlaces& places, const Person& person,
                          const std::string& path);

/// Whether an updatedb.conf leaves file systems of type fuse.glancefs out.
bool prunes_glancefs(std::string_view updatedb_conf);

}  // namespace glancefs::fs
