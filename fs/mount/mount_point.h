// What must hold before it is worth asking a cloud: the mount point, /dev/fuse, fusermount3.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fs/mount/options.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {

/// A line of /proc/PID/mountinfo.
struct MountEntry {
  std::string target;  ///< decoded: \040 is a space
  std::string type;    ///< as in "fuse.glancefs"
  std::string source;
  std::string flags;    ///< of this mount, "rw,nosuid,nodev"
  std::string options;  ///< of the file system, "rw,user_id=0,group_id=0"
  unsigned minor = 0;   ///< of its device number: the same for every bind mount of one mount
  uid_t owner = 0;      ///< who mounted it, where it is a FUSE file system
};

/// The lines of a mountinfo file, in its order: of several on one target the last is on top.
/// Lines that make no sense are left out.
std::vector<MountEntry> parse_mountinfo(std::string_view text);

/// The mounts of glancefs that this process sees and no other mount covers, in the order in which
/// they were made; of one that is there several times (a bind mount) all.
std::vector<MountEntry> glancefs_mounts(const std::string& mountinfo = "/proc/self/mountinfo");

/// Whether the daemon of the mount on `path` is gone. Asks it, if not.
bool is_dead(const std::string& path);

/// Whether a fuse.conf lets users pass allow_other.
bool allows_user_allow_other(std::string_view fuse_conf);

/// The parts of the system that the checks look at; other ones in tests.
struct MountSystem {
  std::string mountinfo = "/proc/self/mountinfo";
  std::string fuse_conf = "/etc/fuse.conf";
  std::string fuse_device = "/dev/fuse";
  /// Absolute, because mount(8) takes PATH away from its helpers.
  std::vector<std::string> fusermounts{"/usr/bin/fusermount3", "/bin/fusermount3",
                                       "/usr/local/bin/fusermount3"};
};

/// Checks the mount points of one person. Throws StartError with the text for that person.
class MountPoint {
 public:
  explicit MountPoint(Person person, MountSystem system = {});

  /// Whether FUSE is there and the person may use it (kSystem), and allow_other, if asked for, is
  /// permitted (kUsage).
  void check_fuse(const Options& options) const;

  struct Checked {
    std::string path;                ///< the mount point without symbolic links
    std::vector<std::string> notes;  ///< for the person, each one line
  };
  /// Whether `options.mount_point` can be mounted on (kMountFailed if not): it exists, is a
  /// directory, is writable for a person other than root, and `source` is not mounted on it
  /// already. What a glancefs that died left there is unmounted first. Asks no network.
  Checked check_directory(const std::string& path, const std::string& source) const;

  /// Unmounts what is mounted on `path`; `flags` as umount2(2), of which people other than root
  /// have MNT_DETACH only. StartError with kMountFailed, also when it is busy.
  void unmount(const std::string& path, int flags) const;

  /// What is mounted on `path` and can be seen there; nullopt: nothing.
  std::optional<MountEntry> top_mount(const std::string& path) const;

  /// Lazily unmounts a glancefs whose daemon is gone; false: there is none at `path`.
  bool clear_stale(const std::string& path) const;

 private:
  std::string fusermount() const;

  const Person person_;
  const MountSystem system_;
};

/// Enters the mount namespace that `file` (as in /proc/PID/ns/mnt) stands for. Before any thread is
/// started. Throws system_error: EPERM without CAP_SYS_ADMIN.
void enter_mount_namespace(const std::string& file);

}  // namespace glancefs::fs
