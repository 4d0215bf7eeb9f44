// user.glance.stores of an image that has its data: where copies of them are.
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "client/images.h"
#include "fs/catalogue/tree.h"
#include "fs/turns.h"

namespace glancefs::fs {

/// Thread-safe; all references outlive it.
class StoreCopies {
 public:
  StoreCopies(const Config& config, client::Images& images, Tree& tree, Turns& turns)
      : config_(config),
        images_(images),
        tree_(tree),
        turns_(turns) {}

  /// Has copies of `node`, an image, in exactly the stores that `list` names (separated by commas,
  /// in any order): first the server copies it to those that are new, which may take hours, then it
  /// is deleted from the others. Returns when all of it is done; what is so already costs nothing.
  ///
  /// Throws EINVAL (no list of stores the site has, or the image is not active), EOPNOTSUPP (the
  /// site offers no copies), EACCES (most sites leave them to administrators), EBUSY (another
  /// import of it runs), EIO with Glance's reason, or EDQUOT, when a copy has failed, ETIMEDOUT
  /// when it has not moved for Config::import_patience, EPERM for the last copy. ECANCELED after
  /// `stop`: the server goes on with what it has begun.
  void set(const Node& node, std::string_view list, XattrMode mode, std::stop_token stop);

  /// How the copying that somebody waits for here goes; nullopt: nobody does.
  std::optional<std::string> progress(NodeId node) const;

 private:
  class News;
  client::Image record(NodeId node, const std::string& id, const std::stop_token& stop);
  client::Image copy(NodeId node, const client::Image& image,
                     const std::vector<std::string>& stores, const std::stop_token& stop);
  void drop(NodeId node, const client::Image& image, const std::vector<std::string>& stores,
            const std::stop_token& stop);

  const Config& config_;
  client::Images& images_;
  Tree& tree_;
  Turns& turns_;

  mutable Mutex mutex_;
  std::map<NodeId, std::string> news_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
