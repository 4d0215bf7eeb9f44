// The messages by which the kernel is told to forget, as it wants them on the wire.
#pragma once

#include <string_view>

#include "fs/filesystem.h"

namespace glancefs::fs {

/// Writes one message each to a connection of the kernel's. 0, or the errno: ENOENT means that the
/// kernel did not remember it, which is as good.
///
/// Not through libfuse, which has changed the signature of one of these between versions, does not
/// know another, and prints what fails to standard error.
class Notices {
 public:
  explicit Notices(int connection) noexcept : connection_(connection) {}

  /// Attributes of a file; its pages stay. Never waits.
  int attributes(NodeId node) const noexcept;
  /// Attributes of a directory and the listing kept of it. Never waits.
  int listing(NodeId directory) const noexcept;
  /// One name, known or known to be absent: it is looked up again when next used. Waits for the
  /// operations that hold the directory: lookups, listings, unlink, rename, create. (Linux before
  /// 6.2 drops the name at once, which shows in nothing but "(deleted)" behind the path of a file
  /// that is open.)
  int name(NodeId directory, std::string_view name) const noexcept;
  /// As name(), but drops what is below at once, too, as far as it is not in use.
  int name_and_below(NodeId directory, std::string_view name) const noexcept;
  /// All names at once. EINVAL: this kernel cannot (before 6.16).
  int all_names() const noexcept;

 private:
  int entry(NodeId directory, std::string_view name, unsigned flags) const noexcept;
  template <typename Body>
  int send(int code, const Body& body, std::string_view name) const noexcept;

  int connection_;
};

}  // namespace glancefs::fs
