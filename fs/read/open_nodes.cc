#include "fs/read/open_nodes.h"

#include <utility>

namespace glancefs::fs {

void OpenNodes::enter(NodeId id, std::optional<Node> node) {
  const Lock lock(mutex_);
  auto found = items_.find(id);
  if (found == items_.end()) {
    if (!node) return;
    found = items_.emplace(id, Item{.node = *std::move(node)}).first;
  }
  ++found->second.opens;
}

void OpenNodes::leave(NodeId id) noexcept {
  Item last;  // destroyed after the lock: it may be the last to hold a spool
  const Lock lock(mutex_);
  const auto found = items_.find(id);
  if (found == items_.end() || --found->second.opens > 0) return;
  last = std::move(found->second);
  items_.erase(found);
}

void OpenNodes::unlink(NodeId id) noexcept {
  const Lock lock(mutex_);
  const auto found = items_.find(id);
  if (found != items_.end()) found->second.unlinked = true;
}

std::optional<Node> OpenNodes::unlinked(NodeId id) const {
  const Lock lock(mutex_);
  const auto found = items_.find(id);
  if (found == items_.end() || !found->second.unlinked) return std::nullopt;
  return found->second.node;
}

}  // namespace glancefs::fs
