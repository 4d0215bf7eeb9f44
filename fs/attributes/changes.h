// Changes to images by mode and size.
#pragma once

#include <stop_token>

#include "fs/attributes/patches.h"
#include "fs/catalogue/tree.h"
#include "fs/filesystem.h"
#include "fs/write/uploads.h"

namespace glancefs::fs {

/// Thread-safe. The methods are those of Filesystem; all references outlive it.
class Changes {
 public:
  Changes(const Config& config, Tree& tree, Uploads& uploads, Patches& patches)
      : config_(config),
        tree_(tree),
        uploads_(uploads),
        patches_(patches) {}

  void set_mode(NodeId node, mode_t mode, std::stop_token stop);
  void set_size(NodeId node, std::uint64_t size);

 private:
  const Config& config_;
  Tree& tree_;
  Uploads& uploads_;
  Patches& patches_;
};

}  // namespace glancefs::fs
