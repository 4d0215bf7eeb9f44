// The daemon is killed at a chosen step of what it writes, one step after the other.
#pragma once

#include <functional>
#include <string>

#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {

class CrashSteps : public MountedCloud {
 protected:
  /// Calls `step` with every so many numbers of a step until it returns false (nobody died any
  /// more) or fails. `torn`: the steps in between those of the other kind. With
  /// GLANCEFS_EVERY_CRASH set no step is left out.
  void for_each_step(int stride, bool torn, const std::function<bool(int at)>& step);
  /// Mounts; from now on the daemon dies at call number `at` of those that write; `torn`: after
  /// half of it.
  void mount_to_die(int at, bool torn, const std::string& options);
  /// Mounts one that lives.
  void mount_again(const std::string& options = {});
  /// Unmounts, unless the daemon is dead already; true: it was, or died of the unmounting.
  bool end();
  /// Waits until the mount does nothing more by itself; what is pending then.
  std::string settled();
  /// Makes the file `file` in private/, which holds all bytes, image `name`.
  void send(const std::string& file, const std::string& name);
  /// Unmounts and empties the cloud.
  void clear();
};

}  // namespace glancefs::mount_test
