// The messages by which the kernel is told to forget, as it wants them on the wire.
#pragma once

#include "fs/filesystem.h"

namespace glancefs::fs {

/// Writes one message each to a connection of the kernel's. 0, or the errno: ENOENT means that the
/// kernel did not remember it, which is as good. None of them waits for anything in the kernel.
///
/// Single names are not among them: to forget one (FUSE_NOTIFY_INVAL_ENTRY) the kernel takes the
/// lock of its directory, which an unlink or a lookup may hold while it waits for our answer. A
/// thread of ours that waits there cannot be killed, and while it is not, the connection stays
/// open: after kill -9 in the wrong moment both would wait for ever.
///
/// Not through libfuse, which does not know all_names() and prints what fails to standard error.
class Notices {
 public:
  explicit Notices(int connection) noexcept : connection_(connection) {}

  /// Attributes of a file; its pages stay.
  int attributes(NodeId node) const noexcept;
  /// Attributes of a directory and the listing kept of it.
  int listing(NodeId directory) const noexcept;
  /// All names, those known to be absent, too: each is looked up again when next used, also when
  /// it is being looked up now. Kernels before kProtocol refuse it.
  int all_names() const noexcept;
  /// N of the first FUSE protocol 7.N that knows all of these: Linux 6.16.
  static constexpr unsigned kProtocol = 44;

 private:
  template <typename... Body>
  int send(int code, const Body&... body) const noexcept;

  int connection_;
};

}  // namespace glancefs::fs
