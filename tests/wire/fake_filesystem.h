// Filesystem as a script: the binding to libfuse is tested against the same class, with other
// insides (fake_filesystem.cc is linked instead of fs/filesystem.cc).
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "fs/catalogue/watcher.h"
#include "fs/filesystem.h"

namespace glancefs::test {

/// What each method does; a test replaces what it needs. Calls of methods that are empty throw
/// system_error(ENOTRECOVERABLE), so that a call nobody expected shows.
struct FakeFiles {
  using Stop = std::stop_token;
  std::function<std::optional<fs::Entry>(fs::NodeId, std::string_view)> find;
  std::function<fs::Entry(fs::NodeId, std::string_view, Stop)> lookup;
  std::function<fs::Attributes(fs::NodeId)> attributes;
  std::chrono::milliseconds attributes_valid{1500};
  std::function<std::vector<fs::DirectoryEntry>(fs::NodeId)> list;
  std::function<std::optional<fs::FileTime>(fs::NodeId)> listing_changed;  ///< empty: nobody counts
  std::function<std::optional<std::string>(fs::NodeId, std::string_view)> xattr;
  std::function<std::vector<std::string>(fs::NodeId)> xattr_names;
  std::function<std::optional<std::string>(fs::NodeId, std::string_view, Stop)> ask_xattr;
  std::function<fs::Statistics()> statistics;
  std::function<void(std::uint64_t, std::span<const std::byte>)> write;
  std::function<void(std::uint64_t, std::size_t, std::unique_ptr<fs::PendingRead>)> read;
  std::function<std::uint64_t(std::uint64_t, fs::Seek)> seek;
  std::function<void(int, std::uint64_t, std::uint64_t)> allocate;
  std::function<fs::Opened(fs::NodeId, int, Stop)> open;
  std::atomic<int> kernel_writes = 0;  ///< calls
  std::function<std::pair<fs::Entry, fs::Opened>(fs::NodeId, std::string_view, int, fs::Caller)>
      create;
  std::function<fs::Entry(fs::NodeId, std::string_view, std::string_view)> symlink;
  bool flush_uploads = true;
  std::function<void(fs::Caller, Stop)> flush;
  bool sync_uploads = false;
  std::function<void()> sync;
  std::function<void(fs::Handle&)> release;
  std::function<void(fs::NodeId, std::string_view)> unlink;
  std::function<void(fs::NodeId, std::string_view, fs::NodeId, std::string_view, unsigned)> rename;
  std::function<fs::Attributes(fs::NodeId, const fs::AttributeChange&, fs::Handle*)> change;
  std::function<void(fs::NodeId, std::string_view, std::string_view, fs::XattrMode)> set_xattr;
  std::function<void(fs::NodeId, std::string_view)> remove_xattr;
  /// What set_read_mode() was told last.
  std::string read_mode() const {
    const Lock lock(mutex_);
    return read_mode_;
  }
  void set_read_mode(std::string mode) {
    const Lock lock(mutex_);
    read_mode_ = std::move(mode);
  }
  /// Tells whoever watches; false: nobody does.
  bool tell(fs::TreeChanges changes) const {
    const auto watcher = watching();
    if (watcher) watcher->changed(std::move(changes));
    return watcher != nullptr;
  }
  void watch(std::shared_ptr<fs::Watcher> watcher) {
    const Lock lock(mutex_);
    watcher_ = std::move(watcher);
  }
  std::shared_ptr<fs::Watcher> watching() const {
    const Lock lock(mutex_);
    return watcher_;
  }
  /// What explain() was asked, as "operation node".
  std::vector<std::string> explained() const {
    const Lock lock(mutex_);
    return explained_;
  }
  void add_explained(std::string text) const {
    const Lock lock(mutex_);
    explained_.push_back(std::move(text));
  }

 private:
  mutable Mutex mutex_;
  std::string read_mode_ GUARDED_BY(mutex_);
  std::shared_ptr<fs::Watcher> watcher_ GUARDED_BY(mutex_);
  mutable std::vector<std::string> explained_ GUARDED_BY(mutex_);
};

/// A Filesystem that does what `fake` says; `fake` must outlive it.
std::unique_ptr<fs::Filesystem> make_fake_filesystem(FakeFiles& fake);

/// An entry for a regular file.
fs::Entry file_entry(fs::NodeId node, std::uint64_t size, std::chrono::milliseconds valid);

/// Keeps reads until somebody answers them; an interrupted one is answered EINTR at once, within
/// the stop callback. Thread-safe.
class ReadPark {
 public:
  void add(std::unique_ptr<fs::PendingRead> reader);
  /// Answers all that wait, with `bytes`.
  void answer(std::string_view bytes);
  /// Drops all that wait unanswered.
  void drop();
  /// Waits until `count` are parked.
  void wait_for(std::size_t count);

 private:
  struct Parked;
  Mutex mutex_;
  Condition added_;
  std::vector<std::shared_ptr<Parked>> parked_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::test
