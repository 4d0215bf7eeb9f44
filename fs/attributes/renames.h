// Names of images and files: rename and unlink.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "client/images.h"
#include "fs/catalogue/tree.h"
#include "fs/filesystem.h"
#include "fs/turns.h"
#include "fs/write/uploads.h"

namespace glancefs::fs {

/// Thread-safe. The methods are those of Filesystem; all references outlive it. What is refused or
/// fails leaves tree, journal and Glance as they were.
class Renames {
 public:
  Renames(const Config& config, client::Images& images, Tree& tree, Turns& turns, Uploads& uploads)
      : config_(config),
        images_(images),
        tree_(tree),
        turns_(turns),
        uploads_(uploads) {}

  void unlink(NodeId parent, std::string_view name, std::stop_token stop);
  void rename(NodeId from, std::string_view name, NodeId to, std::string_view new_name,
              unsigned flags, std::stop_token stop);

 private:
  /// Where something is to go.
  struct Place {
    NodeId directory;
    client::Visibility visibility;
    std::string name;            ///< the image's
    std::optional<Node> holder;  ///< the image that has the place now and is to be replaced
  };

  /// What `name` in `directory` leads to. ENOENT, EISDIR, EPERM (a directory of ours), EROFS.
  Node existing(NodeId directory, std::string_view name) const;
  Place place(NodeId directory, std::string_view name, unsigned flags) const;
  /// The image as it is now. ENOENT: it is gone, or is not what the name leads to any more.
  client::Image fresh(const Node& node, const std::stop_token& stop);
  client::Image update(const std::string& id, const std::vector<client::Change>& changes,
                       std::stop_token stop);
  void rename_image(const Node& node, const Place& place, std::stop_token stop);
  void rename_upload(const Node& node, const Upload::Place& place, std::stop_token stop);
  void check_ours(const Node& node) const;

  const Config& config_;
  client::Images& images_;
  Tree& tree_;
  Turns& turns_;
  Uploads& uploads_;
};

}  // namespace glancefs::fs
