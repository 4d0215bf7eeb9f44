// Takes images out of the catalogue: deletes them, or hides those whose place another has taken.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "cache/store.h"
#include "client/images.h"
#include "fs/catalogue/tree.h"
#include "fs/write/replaced.h"

namespace glancefs::fs {

struct RemovalsConfig {
  std::string endpoint;  ///< prefix of cache keys
  Replaced replaced = Replaced::kHide;
};

/// Thread-safe. Whoever calls a method that changes an image has its turn (fs/turns.h).
class Removals {
 public:
  /// `gone` is told the id of each image that was deleted, before the tree forgets it. All
  /// references must outlive it.
  Removals(RemovalsConfig config, client::Images& images, cache::Store& store, Tree& tree,
           std::function<void(const std::string& id)> gone)
      : config_(std::move(config)),
        images_(images),
        store_(store),
        tree_(tree),
        gone_(std::move(gone)) {}

  /// Throws why no new image can take the place of `node`: EACCES (not ours), EPERM (protected,
  /// not active, or its name leads elsewhere, so that a new image would not be found by it), EBUSY.
  void check_replaceable(const Node& node) const;

  /// Deletes it, and what is kept of it here; whoever reads it keeps what is here. Throws what
  /// Glance says; after ENOENT the tree knows that it is gone.
  void remove(const client::Image& image, std::stop_token stop);

  /// `heir`, an active image, has the place of image `id`: hides or deletes that one, if it still
  /// is in the place. One that was hidden, renamed or deleted by somebody else is left alone.
  /// Throws EPERM when it has been protected meanwhile, otherwise what Glance says; it is then as
  /// it was.
  void take_place(const std::string& id, const client::Image& heir, std::stop_token stop);

 private:
  void retire(const client::Image& old, std::stop_token stop);
  void hide(const std::string& id, std::stop_token stop);
  bool has_left(const std::string& id) noexcept;

  const RemovalsConfig config_;
  client::Images& images_;
  cache::Store& store_;
  Tree& tree_;
  const std::function<void(const std::string& id)> gone_;
};

}  // namespace glancefs::fs
