// The files that are open, for stat(2) of those whose name is gone: until the last close they are
// as they were.
#pragma once

#include <map>
#include <optional>

#include "base/mutex.h"
#include "fs/catalogue/tree.h"

namespace glancefs::fs {

/// Thread-safe.
class OpenNodes {
 public:
  /// One more has it open, one fewer. `node`: as it is now; nullopt: gone already.
  void enter(NodeId id, std::optional<Node> node);
  void leave(NodeId id) noexcept;
  /// Its name is being removed here.
  void unlink(NodeId id) noexcept;
  /// As it was when it was opened first; nullopt: not open, or its name was not removed here.
  std::optional<Node> unlinked(NodeId id) const;

 private:
  struct Item {
    Node node;
    unsigned opens = 0;
    bool unlinked = false;
  };

  mutable Mutex mutex_;
  std::map<NodeId, Item> items_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
