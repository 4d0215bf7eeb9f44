// Keeps the kernel's memory of names, attributes and listings true.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <set>
#include <thread>

#include "base/mutex.h"
#include "fs/fuse_notices.h"
#include "fs/watcher.h"

namespace glancefs::fs {

/// Tells the kernel what it must not remember any longer. Thread-safe.
///
/// Two threads, because telling a name waits for the directory, which the kernel holds while an
/// unlink, say, waits for our answer: so no thread that answers may do it, nor may what never waits
/// (attributes, listings) queue behind it. What is still queued is kept once, and when it is too
/// much, as "everything".
class Notifier : public Watcher {
 public:
  enum class Wait {
    kListings,  ///< for attributes and listings: also where the kernel holds a directory
    kAll,       ///< for names, too
  };

  /// `files` must outlive start() to stop().
  explicit Notifier(const Filesystem& files) : files_(files) {}
  ~Notifier() override { stop(); }
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// Begins to tell the kernel at `connection`, which must be open until stop() has returned. Once.
  void start(int connection);
  /// Takes nothing more, forgets what waits.
  void close() noexcept;
  /// close(), and returns when nothing is being told. What the kernel waits for must be answered by
  /// then or meanwhile.
  void stop() noexcept;

  void changed(TreeChanges changes) noexcept override;
  /// The kernel's listing of a directory, though true, is in its way.
  void drop_listing(NodeId directory) noexcept;

  /// Returns when the kernel has been told of all changes so far; after a second at the latest.
  void settle(Wait wait) noexcept;

  /// Whether the kernel can be told: false before start() and once it has refused.
  bool works() const noexcept { return works_; }
  /// How long the kernel may remember what is valid for `wanted` if told of changes.
  std::chrono::milliseconds valid(std::chrono::milliseconds wanted) const noexcept;

 private:
  void tell_inodes();
  void tell_names();
  /// Takes the answer to a message.
  void heard(int error) noexcept;
  void tell_everything(const Notices& notices) noexcept;
  void bound() REQUIRES(mutex_);

  const Filesystem& files_;
  std::atomic<int> connection_{-1};
  std::atomic<bool> works_{false};

  Mutex mutex_;
  Condition work_, told_;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::set<NodeId> listings_ GUARDED_BY(mutex_);
  std::set<NodeId> attributes_ GUARDED_BY(mutex_);
  std::set<NameChange> names_ GUARDED_BY(mutex_);
  bool everything_ GUARDED_BY(mutex_) = false;
  /// Changes so far, and how many of them each thread has told.
  std::uint64_t changes_ GUARDED_BY(mutex_) = 0;
  std::uint64_t inodes_told_ GUARDED_BY(mutex_) = 0;
  std::uint64_t names_told_ GUARDED_BY(mutex_) = 0;

  std::thread inode_thread_, name_thread_;
};

}  // namespace glancefs::fs
