// umount.fuse.glancefs, which umount(8) calls: unmounts, and waits until the daemon has sent what
// was written.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "fs/mount/daemon_facts.h"
#include "fs/mount/options.h"

namespace glancefs::fs {

/// Whether the daemon behind `process` (a pidfd) has ended within `seconds`.
using EndWait = std::function<bool(const Fd& process, int seconds)>;
bool wait_for_end(const Fd& process, int seconds);

/// What is to be unmounted, and how.
struct Unmounting {
  std::string program;  ///< begins messages
  std::string target;   ///< absolute
  bool lazy = false, force = false;
  /// Of the daemon to wait for; process 0: for none.
  DaemonFacts daemon{};
};
/// Unmounts, waits by `wait` until the daemon has sent what was written, and answers 0, or 32 when
/// something was not uploaded, which standard error then says line by line. Throws StartError, and
/// what `wait` throws.
int unmount(const Unmounting& wanted, const Environment& environment, const EndWait& wait);

/// Whether a program of this name unmounts: "umount.fuse.glancefs".
bool is_unmount_helper(std::string_view program);

/// `umount.fuse.glancefs DIR [-l] [-f] [-n] [-r] [-v] [-c] [-t TYPE] [-N NAMESPACE]`, as umount(8)
/// calls it. Lazily (-l) or by force (-f) it does not wait; with -r what is busy becomes read-only
/// instead. Answers the exit code: 0, or 32 when something was not uploaded, which standard error
/// then says line by line. Throws StartError.
int unmount(std::span<char* const> arguments, const Environment& environment,
            const std::string& directory);

}  // namespace glancefs::fs
