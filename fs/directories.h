// Which directories there are, and which image is in which. What the images in them are called is
// the tree's (fs/tree.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/images.h"
#include "fs/filesystem.h"
#include "fs/node_number.h"

namespace glancefs::fs {

/// The directory for a visibility, and back (nullopt: not one of the four).
NodeId directory_of(client::Visibility visibility);
std::optional<client::Visibility> visibility_of_directory(NodeId directory);

struct DirectoriesConfig {
  std::string project_id;    ///< empty: everything is ours
  bool is_admin = false;     ///< lists then hold other projects' images, which are left out
  bool show_hidden = false;  ///< list os_hidden images, too
};

/// Thread-safe: constant after construction.
class Directories {
 public:
  explicit Directories(DirectoriesConfig config) : config_(std::move(config)) {}

  bool is_ours(const client::Image& image) const;
  /// The directory that lists `image`; 0: none does.
  NodeId place(const client::Image& image) const;

  /// The directory called `name` in `parent`; 0: there is none.
  NodeId find(NodeId parent, std::string_view name) const;
  /// The directories in `directory`.
  std::vector<DirectoryEntry> list(NodeId directory) const;

 private:
  const DirectoriesConfig config_;
};

}  // namespace glancefs::fs
