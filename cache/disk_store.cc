#include "cache/disk_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "cache/disk_entry.h"
#include "cache/disk_room.h"
#include "cache/object_name.h"

namespace glancefs::cache {
namespace {

/// The entries that somebody holds. Outlives the store as long as one of them does.
class OpenEntries {
 public:
  struct Holding {
    std::weak_ptr<DiskEntry> entry;
    const void* id = nullptr;
  };

  Mutex mutex;
  Condition changed;
  std::map<std::string, Holding> by_source GUARDED_BY(mutex);

  /// The entry of `source`; null: nobody holds one. Waits while one is being closed: until then its
  /// files are locked.
  std::shared_ptr<DiskEntry> find(const std::string& source) REQUIRES(mutex) {
    for (auto held = by_source.find(source); held != by_source.end();
         held = by_source.find(source)) {
      if (auto entry = held->second.entry.lock()) return entry;
      changed.wait(mutex);
    }
    return nullptr;
  }
  void closed(const std::string& source, const void* id) EXCLUDES(mutex) {
    const Lock lock(mutex);
    const auto held = by_source.find(source);
    if (held == by_source.end() || held->second.id != id) return;
    by_source.erase(held);
    changed.notify_all();
  }
};

class DiskStore final : public Store {
 public:
  explicit DiskStore(const DiskStoreConfig& config) : room_(std::make_shared<DiskRoom>(config)) {}

  EntryPtr open(const Key& key) override {
    std::shared_ptr<DiskEntry> held;  // let go after the lock: closing takes it, too
    const Lock lock(open_->mutex);
    held = open_->find(key.source);
    if (held && held->key().size == key.size && held->key().content == key.content) return held;
    if (held) drop_held(*held);
    return make(key);
  }

  bool adopt(const Key& key, const std::string& path, std::stop_token stop) override {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode) ||
        static_cast<std::uint64_t>(status.st_size) != key.size) {
      return false;
    }
    // Reading the file takes its time, and others want their objects meanwhile.
    const std::shared_ptr<DiskEntry> entry = make_anew(key);
    if (!entry || !entry->adopt(path, stop)) return false;
    ::unlink(path.c_str());  // an equal object was there before
    return true;
  }

  bool pin(const std::string& source, bool pinned) override { return room_->pin(source, pinned); }
  bool pinned(const std::string& source) const override { return room_->pinned(source); }

  void drop(const std::string& source) override {
    room_->pin(source, false);
    std::shared_ptr<DiskEntry> held;
    const Lock lock(open_->mutex);
    held = open_->find(source);
    if (held) {
      drop_held(*held);
    } else {
      drop_kept(source);
    }
  }

  Usage usage() const override {
    std::vector<std::shared_ptr<DiskEntry>> held;
    const Lock lock(open_->mutex);
    const IndexRow totals = room_->totals();
    std::uint64_t slack = 0;
    for (const auto& item : open_->by_source) {
      if (auto entry = item.second.entry.lock()) {
        slack += entry->slack();
        held.push_back(std::move(entry));
      }
    }
    return {.bytes = totals.bytes - std::min(totals.bytes, slack),
            .limit = room_->limit(),
            .objects = totals.size,
            .hits = *hits_,
            .evicted = room_->evicted()};
  }

 private:
  /// Opens the object; what is kept for the source under another size or content goes first.
  std::shared_ptr<DiskEntry> make(const Key& key) REQUIRES(open_->mutex) {
    if (!fits_map(key)) throw_errno(EINVAL, "the key is too long for the cache");
    if (key.size > kLargestObject) throw_errno(EFBIG, "the object is too large for the cache");
    const auto kept = room_->name_of(key.source);
    if (kept && *kept != sealed_name(key) && *kept != partial_name(key.source)) {
      drop_kept(key.source);
    }
    auto entry = make_entry(key);
    // Somebody else has proven the same bytes: what this source had of them is needed no more.
    if (entry->sealed() && kept == partial_name(key.source)) room_->remove(*kept);
    entry->when_closed(
        [open = open_, source = key.source, id = entry.get()] { open->closed(source, id); });
    open_->by_source[key.source] = {.entry = entry, .id = entry.get()};
    return entry;
  }

  /// An entry that nobody else holds yet; null: the disk does not let it be used.
  std::shared_ptr<DiskEntry> make_anew(const Key& key) {
    std::shared_ptr<DiskEntry> held;
    const Lock lock(open_->mutex);
    held = open_->find(key.source);
    if (held) drop_held(*held);
    try {
      return make(key);
    } catch (const std::system_error& error) {
      room_->complain(error);
      return nullptr;
    }
  }

  std::shared_ptr<DiskEntry> make_entry(const Key& key) {
    try {
      return std::make_shared<DiskEntry>(room_, key, hits_);
    } catch (const std::system_error& error) {
      // Not even room for a map: the disk is full below the limit.
      if (error.code().value() != ENOSPC || !room_->evict(kBlockSize)) throw;
    }
    return std::make_shared<DiskEntry>(room_, key, hits_);
  }

  void drop_held(DiskEntry& entry) REQUIRES(open_->mutex) {
    const std::string source = entry.key().source;
    entry.detach();
    open_->by_source.erase(source);
    drop_kept(source);
  }

  void drop_kept(const std::string& source) {
    const auto name = room_->name_of(source);
    if (name && room_->leave(source, *name)) room_->remove(*name);
  }

  const std::shared_ptr<DiskRoom> room_;
  const std::shared_ptr<OpenEntries> open_ = std::make_shared<OpenEntries>();
  const std::shared_ptr<std::atomic<std::uint64_t>> hits_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
};

}  // namespace

std::unique_ptr<Store> open_disk_store(const DiskStoreConfig& config) {
  return std::make_unique<DiskStore>(config);
}

}  // namespace glancefs::cache
