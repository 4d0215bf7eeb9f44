// `mount -o remount`: from writing to reading only, and back.
#pragma once

#include <string>
#include <vector>

#include "fs/mount/mount_point.h"
#include "fs/mount/option_parser.h"
#include "fs/mount/options.h"

namespace glancefs::fs {

/// What a remount asks for, beside what is mounted.
struct RemountPlan {
  bool read_only = false;
  unsigned long flags = 0;  ///< MS_* for mount(2): those it has, and MS_RDONLY if wanted
};

/// Compares the words of a remount, which mount(8) completes by those in /etc/fstab and by all that
/// the kernel shows, with the mount: `entry`, and `in_force`, the text of .glancefs/options.
/// Secrets and env.* are not compared. Throws StartError: kMountFailed when anything but ro and rw
/// would change, kUsage for a word that no mount takes.
RemountPlan plan_remount(const std::vector<OptionWord>& words, const MountEntry& entry,
                         std::string_view in_force);

/// The text of .glancefs/options: a line NAME=VALUE for each of Options::given.
std::string options_text(const Options& options);

/// Changes the mount on `options.mount_point` as `words` say. The kernel refuses changes of a mount
/// that is ro; the daemon hears of it, too, since one that was mounted ro refuses them by itself.
/// Throws StartError: kUsage when another than root asks, kMountFailed when there is no glancefs,
/// somebody has a file open for writing (ro), or something else would change.
void remount(const Options& options, const std::vector<OptionWord>& words, const MountPoint& place);

}  // namespace glancefs::fs
