// Listing images: everything, or what changed since the last time.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/mutex.h"
#include "client/images.h"
#include "fs/catalogue/tree.h"

namespace glancefs::fs {

/// Remembers how far it has seen. A complete view takes two scans, since Glance lists hidden images
/// apart. Only times of the server count: a change is asked for by the time of another one, never
/// by our clock. Thread-safe; methods throw what Images::list() throws, and have then seen nothing.
class Scans {
 public:
  /// `tree` says what may be listed, and has most of the records already. Both must outlive it.
  Scans(client::Images& images, const Tree& tree) : images_(images), tree_(tree) {}

  /// Everything. `in_a_hurry`: somebody waits for it, see list_from_both_ends().
  std::vector<client::ImagePtr> all(bool in_a_hurry, const std::stop_token& stop);

  struct Changed {
    std::vector<client::ImagePtr> images;  ///< what changed, and some that did not
    bool news = false;  ///< one of them changed after everything that was seen before
  };
  /// What changed since the last scan of either kind; nobody tells of deletions and lost rights.
  /// Takes two requests where little changed.
  Changed changed(const std::stop_token& stop);

 private:
  using Time = std::chrono::sys_seconds;
  client::ListQuery query(bool hidden, std::optional<Time> since) const;
  std::optional<Time> mark(bool hidden) const;
  /// True: it moved on.
  bool move_mark(bool hidden, Time to);

  client::Images& images_;
  const Tree& tree_;
  mutable Mutex mutex_;
  /// All that changed before has been seen: [0] of visible images, [1] of hidden ones. nullopt:
  /// none was ever seen.
  std::array<std::optional<Time>, 2> marks_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
