// Changes to images: extended attributes and protection.
#pragma once

#include <stop_token>
#include <string_view>

#include "client/images.h"
#include "fs/filesystem.h"
#include "fs/renames.h"
#include "fs/tree.h"
#include "fs/turns.h"
#include "fs/uploads.h"

namespace glancefs::fs {

/// Thread-safe. The methods are those of Filesystem; all references outlive it.
class Changes {
 public:
  Changes(const Config& config, client::Images& images, Tree& tree, Turns& turns, Uploads& uploads,
          Renames& renames)
      : config_(config),
        images_(images),
        tree_(tree),
        turns_(turns),
        uploads_(uploads),
        renames_(renames) {}

  void set_mode(NodeId node, mode_t mode, std::stop_token stop);
  void set_size(NodeId node, std::uint64_t size);
  void set_xattr(NodeId node, std::string_view name, std::string_view value, XattrMode mode,
                 std::stop_token stop);
  void remove_xattr(NodeId node, std::string_view name, std::stop_token stop);

 private:
  /// ENOENT, EROFS.
  Node changeable(NodeId node) const;
  void remove_from_upload(const Node& node, const client::Change& change, std::stop_token stop);
  client::Change stores_change(std::string_view value, std::stop_token stop);
  void update(const Node& node, const std::vector<client::Change>& changes, std::stop_token stop);

  const Config& config_;
  client::Images& images_;
  Tree& tree_;
  Turns& turns_;
  Uploads& uploads_;
  Renames& renames_;
};

}  // namespace glancefs::fs
