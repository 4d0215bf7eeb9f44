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
  bool ours = false;  ///< belongs to our project
};

}  // namespace glancefs::fs
