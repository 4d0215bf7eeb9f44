// What stat(2) shows of directories, images and files being written.
#pragma once

#include <chrono>
#include <optional>

#include "fs/catalogue/tree.h"
#include "fs/filesystem.h"

namespace glancefs::fs {

/// The size that the file of `image` has, in bytes: 0 before there are data to read, although
/// staged ones have a size at Glance, and such that it has refused.
std::uint64_t readable_size(const client::Image& image);

/// Makes Attributes. Thread-safe: constant after construction.
class Stat {
 public:
  explicit Stat(const Config& config);

  /// `changed`: when its listing last did; nullopt: not since it was mounted.
  Attributes directory(NodeId node, std::size_t subdirectories,
                       std::optional<FileTime> changed) const;
  /// A text file of `size` bytes that everybody may read.
  Attributes text(NodeId node, std::uint64_t size) const;
  /// A symbolic link to `size` bytes of text.
  Attributes link(NodeId node, std::uint64_t size) const;
  /// Modified when the image was made (its bytes never change, so rsync and make are happy),
  /// changed when its record was. Who may change it may write: 0644; others' and protected ones:
  /// 0444; deactivated: none at all, but reading for administrators; of an unknown status: 0444.
  /// The size is 0 until there is data.
  Attributes file(const Node& node) const;

  /// How long the kernel may remember a node, provided that it is told of changes: not at all while
  /// its size may change or another may get its name at any time, else for long.
  static std::chrono::milliseconds valid(const Node& node);

 private:
  Attributes base(NodeId node, mode_t mode) const;
  mode_t permissions(const Node& node) const;
  const bool all_projects_;  ///< an administrator may change what belongs to others
  const bool is_admin_;
  const uid_t uid_;
  const gid_t gid_;
  const mode_t umask_;
  const std::chrono::sys_seconds mounted_;
};

}  // namespace glancefs::fs
