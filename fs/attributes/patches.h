// Changes of images' records: decided, sent, and shown.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "client/images.h"
#include "fs/catalogue/tree.h"
#include "fs/filesystem.h"
#include "fs/turns.h"

namespace glancefs::fs {

/// What `node` is, for who is going to change it. EROFS: mounted read-only. EPERM: it is no image.
/// ENOENT: the image is gone.
Node changeable(const Config& config, const Tree& tree, NodeId node);

/// The record of image `id` as Glance has it now; the tree is not told of it. ENOENT: it is gone,
/// from the tree, too. Throws what Glance says.
client::Image shown(client::Images& images, Tree& tree, const std::string& id,
                    const std::stop_token& stop);

/// Thread-safe. Each change is a request of its own: Linux holds the lock of the inode over
/// setxattr(2), chmod(2) and rename(2), so two changes of one file never arrive at the same time
/// and there is nothing to be sent together, and none is answered before Glance has it.
class Patches {
 public:
  /// What somebody wants of a record; nothing: it is so already. Called once or twice, while
  /// apply() runs. What it throws, apply() throws.
  using Decide = std::function<std::vector<client::Change>(const client::Image&)>;

  /// How much the record must be worth for the decision.
  enum class Record {
    kKnown,  ///< as the catalogue knows it
    kFresh,  ///< asked for again
  };

  /// All references must outlive it.
  Patches(client::Images& images, Tree& tree, Turns& turns)
      : images_(images),
        tree_(tree),
        turns_(turns) {}

  /// In the image's turn, has Glance store what `decide` wants of `node`; the tree shows it then.
  /// False: nothing was done, the file is being written here, see Node::upload.
  ///
  /// Throws what Glance says. EBUSY: somebody uploads its data, and at the end of that Glance would
  /// undo the change; but a protection can be taken off, so that what is stuck can be removed.
  /// ENOENT: it is gone. A property that somebody else has removed meanwhile has `decide` asked
  /// once more, about the record as it is then.
  bool apply(NodeId node, Record record, const Decide& decide, std::stop_token stop);

 private:
  client::Image fresh(const std::string& id, const std::stop_token& stop);
  void send(const client::Image& image, const Decide& decide, const std::stop_token& stop);

  client::Images& images_;
  Tree& tree_;
  Turns& turns_;
};

}  // namespace glancefs::fs
