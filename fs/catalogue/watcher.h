// Who remembers what the file system said, and so must hear when that is no longer true.
#pragma once

#include <compare>
#include <string>
#include <vector>

#include "fs/filesystem.h"

namespace glancefs::fs {

/// A way to a file that leads somewhere else now, or nowhere.
struct NameChange {
  NodeId directory = 0;
  std::string name;
  auto operator<=>(const NameChange&) const = default;
};

/// The difference between two moments. Each list holds what it holds once.
struct TreeChanges {
  /// So much that single names are not told: all names and attributes are to be asked for again.
  bool everything = false;
  std::vector<NodeId> directories;  ///< whose listing is another one
  /// Listed names that are new, gone, or another image's; and ways that are not listed (aliases,
  /// UUIDs) to images that have left.
  std::vector<NameChange> names;
  std::vector<NodeId> nodes;  ///< whose attributes are others, or who are gone

  bool empty() const noexcept {
    return !everything && directories.empty() && names.empty() && nodes.empty();
  }
};

/// Thread-safe.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// Called after the change, with no lock held, on the thread that made it; so not necessarily in
  /// order: ask again rather than conclude. Must not wait.
  virtual void changed(TreeChanges changes) noexcept = 0;
};

}  // namespace glancefs::fs
