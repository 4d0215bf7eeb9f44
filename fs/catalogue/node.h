// An image in the tree.
#pragma once

#include <chrono>
#include <memory>

#include "client/images.h"
#include "fs/filesystem.h"

namespace glancefs::fs {

class Upload;

/// An image in the tree, as it was when asked.
struct Node {
  NodeId id = 0;
  client::ImagePtr image;
  /// Set while the image is being written here and not yet (or not wholly) at Glance.
  std::shared_ptr<Upload> upload;
  /// When Glance last confirmed the record.
  std::chrono::steady_clock::time_point confirmed;
  bool ours = false;    ///< belongs to our project
  bool behind = false;  ///< another image of the same name is to keep it, see Tree::set_behind()
  /// A file that is behind waits for this name; the kernel must not remember whom it leads to.
  bool contested = false;
};

}  // namespace glancefs::fs
