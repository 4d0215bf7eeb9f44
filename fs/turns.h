// One change at a time per image: Glance's updates read, modify and write whole records, and two at
// once lose one of them although both are answered with success.
#pragma once

#include <optional>
#include <set>
#include <stop_token>

#include "base/fd.h"
#include "base/mutex.h"
#include "fs/filesystem.h"
#include "fs/waker.h"

namespace glancefs::fs {

/// Thread-safe.
class Turns {
 public:
  /// The right to change a node, until it is destroyed.
  class Turn {
   public:
    Turn(Turns& turns, NodeId node) : turns_(turns), node_(node) {}
    ~Turn() {
      Lock lock(turns_.mutex_);
      turns_.taken_.erase(node_);
      turns_.changed_.notify_all();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Turns& turns_;
    const NodeId node_;
  };

  /// Waits until nobody else changes `node`. Throws system_error(ECANCELED) after `stop`. Who takes
  /// several takes them in the order of their numbers.
  Turn take(NodeId node, const std::stop_token& stop) {
    wait(node, stop);
    return {*this, node};
  }
  /// The same, into `turn`.
  void take(NodeId node, const std::stop_token& stop, std::optional<Turn>& turn) {
    wait(node, stop);
    turn.emplace(*this, node);
  }

 private:
  void wait(NodeId node, const std::stop_token& stop) {
    const Waker waker(stop, mutex_, changed_);
    Lock lock(mutex_);
    while (taken_.contains(node) && !stop.stop_requested()) changed_.wait(mutex_);
    if (stop.stop_requested()) {
      lock.unlock();
      throw_errno(ECANCELED, "interrupted");
    }
    taken_.insert(node);
  }

  Mutex mutex_;
  Condition changed_;
  std::set<NodeId> taken_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
