// One mount: from a Filesystem to a directory in the tree, and back.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "fs/executor.h"
#include "fs/filesystem.h"
#include "fs/fuse/backing.h"
#include "fs/metrics/operation_counters.h"

namespace glancefs::fs {

struct MountConfig {
  std::string directory;    ///< absolute
  std::string source;       ///< the first column of findmnt(8)
  unsigned long flags = 0;  ///< MS_* of mount(2)
  bool allow_other = false;
  /// Whether fusermount3 stays and unmounts when this process dies. Then the kernel cannot read by
  /// itself: libfuse, which mounts through it, does not pass the connection on.
  bool auto_unmount = false;
  /// More mount options, for libfuse and the kernel: "max_read=65536", "context=…".
  std::vector<std::string> options;
  /// Whether the kernel may read complete images by itself, where it can.
  bool passthrough = true;
};

/// A connection to the kernel. Always mounted with default_permissions, nosuid and nodev.
///
///     FuseSession session(files, metadata, transfers, config);
///     session.mount();
///     const Signals signals({.end = [&] { session.request_exit(); }, …});
///     session.run(ready);
///
/// Has no threads but those of run(); everything that waits does so on the executors.
class FuseSession {
 public:
  /// `files`, the executors and `counters` must outlive it, and the executors must go before
  /// `files`, since releases may still be queued. `transfers` serves flush, which lasts as long as
  /// an upload, `metadata` the rest. Throws system_error(EINVAL) for options that libfuse does not
  /// know.
  FuseSession(Filesystem& files, Executor& metadata, Executor& transfers,
              OperationCounters& counters, MountConfig config);
  /// Unmounts, if that has not happened. Requests that still wait are interrupted and answered
  /// first; files that are still open are released.
  ~FuseSession();
  FuseSession(const FuseSession&) = delete;
  FuseSession& operator=(const FuseSession&) = delete;

  /// Mounts. Throws system_error with a text that names what is missing: ENOENT or EACCES
  /// (/dev/fuse, fusermount3), EPERM (allow_other as a user), else what libfuse said.
  void mount();

  /// Instead of mount(): speaks the FUSE protocol over `connection`, where one read(2) gets one
  /// request and one writev(2) sends one answer (a SOCK_SEQPACKET socket, or /dev/fuse opened and
  /// mounted by the caller, who also unmounts). `device`, if there is one, takes files that the
  /// kernel shall read by itself.
  void serve_on(Fd connection, std::unique_ptr<BackingDevice> device = nullptr);

  /// Serves until unmounted or request_exit(). `ready` (may be empty) is called once, when the
  /// kernel has said hello; from then on the mount can be used. Call it once. Throws system_error
  /// when the connection broke.
  void run(std::function<void()> ready);

  /// The mount has been taken out of the directory tree (umount -l), so that the destructor leaves
  /// the directory alone: another one may be mounted there by then. Thread-safe.
  void detached() noexcept;

  /// Makes run() return, also one that has yet to be called. Thread-safe and async-signal-safe.
  void request_exit() noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace glancefs::fs
