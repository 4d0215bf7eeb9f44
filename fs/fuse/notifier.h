// Keeps the kernel's memory of names, attributes and listings true.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <set>
#include <thread>

#include "base/mutex.h"
#include "fs/catalogue/watcher.h"
#include "fs/fuse/listings.h"
#include "fs/fuse/notices.h"

namespace glancefs::fs {

/// Tells the kernel what it must not remember any longer, on a thread of its own. Thread-safe.
///
/// A change of any name is told as "all names": see Notices. It costs one look-up, answered from
/// memory, for each name that is used again.
class Notifier : public Watcher {
 public:
  /// `listings`: those of the session; must outlive start() to stop().
  explicit Notifier(Listings& listings) : listings_in_use_(listings) {}
  ~Notifier() override { stop(); }
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// Begins to tell the kernel at `connection`, which must be open until stop() has returned.
  /// REQUIRES that it knows all of Notices. Once.
  void start(int connection);
  /// Returns when nothing is being told, nor ever will be.
  void stop() noexcept;

  void changed(TreeChanges changes) noexcept override;
  /// The kernel's listing of a directory, though true, is in its way.
  void drop_listing(NodeId directory) noexcept;

  /// Returns when the kernel has been told of all changes so far; after a second at the latest.
  void settle() noexcept;

  /// Whether the kernel can be told: false before start() and once it has refused.
  bool works() const noexcept { return works_; }
  /// How long the kernel may remember what is valid for `wanted` if told of changes.
  std::chrono::milliseconds valid(std::chrono::milliseconds wanted) const noexcept;

 private:
  void work(int connection);
  /// Takes the answer to a message.
  void heard(int error) noexcept;

  Listings& listings_in_use_;
  std::atomic<bool> works_{false};

  Mutex mutex_;
  Condition work_, told_;
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::set<NodeId> listings_ GUARDED_BY(mutex_);
  std::set<NodeId> attributes_ GUARDED_BY(mutex_);
  bool names_ GUARDED_BY(mutex_) = false;
  /// Changes so far, and how many of them have been told.
  std::uint64_t changes_ GUARDED_BY(mutex_) = 0;
  std::uint64_t changes_told_ GUARDED_BY(mutex_) = 0;

  std::thread thread_;
};

}  // namespace glancefs::fs
