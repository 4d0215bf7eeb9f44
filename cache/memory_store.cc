#include "cache/memory_store.h"

#include <stop_token>
#include <string>

#include "cache/memory_pool.h"

namespace glancefs::cache {
namespace {

/// One source's view of an object; a seal may change the object behind it.
class MemoryEntry final : public Entry {
 public:
  MemoryEntry(std::shared_ptr<MemoryPool> pool, Key key, MemoryObjectPtr object)
      : pool_(std::move(pool)),
        key_(std::move(key)),
        object_(std::move(object)) {}
  MemoryEntry(const MemoryEntry&) = delete;
  MemoryEntry& operator=(const MemoryEntry&) = delete;
  ~MemoryEntry() override { pool_->release(*object()); }

  const Key& key() const noexcept override { return key_; }
  std::optional<Extent> missing(std::uint64_t offset, std::uint64_t length) const override {
    return pool_->missing(*object(), offset, length);
  }
  std::size_t read(std::uint64_t offset, std::span<std::byte> into) override {
    return pool_->read(*object(), offset, into);
  }
  bool write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return pool_->write(object(), offset, bytes);
  }
  std::uint64_t present() const noexcept override { return pool_->present(*object()); }
  void prepare_seal(const std::stop_token& /*stop*/) override {}  // memory is hashed fast enough
  Seal seal(std::stop_token stop, const std::function<void()>& /*proven*/) override {
    auto [result, proven] = pool_->seal(object(), key_, stop);
    const Lock lock(mutex_);
    object_ = proven;
    return result;
  }
  bool sealed() const noexcept override { return pool_->sealed(*object()); }
  std::shared_ptr<const Fd> file() const override { return nullptr; }

 private:
  MemoryObjectPtr object() const {
    const Lock lock(mutex_);
    return object_;
  }

  const std::shared_ptr<MemoryPool> pool_;
  const Key key_;

  mutable Mutex mutex_;
  MemoryObjectPtr object_ GUARDED_BY(mutex_);
};

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::uint64_t limit) : pool_(std::make_shared<MemoryPool>(limit)) {}

  EntryPtr open(const Key& key) override {
    EntryPtr held;  // outlives the lock: its destructor may be the last and needs the pool
    const Lock lock(mutex_);
    auto& known = open_[key.source];
    held = known.lock();
    if (held && held->key().size == key.size && held->key().content == key.content) return held;
    auto entry = std::make_shared<MemoryEntry>(pool_, key, pool_->acquire(key));
    known = entry;
    std::erase_if(open_, [](const auto& item) { return item.second.expired(); });
    return entry;
  }
  bool adopt(const Key& key, const std::string& path, std::stop_token stop) override {
    if (!pool_->adopt(key, path, stop)) return false;
    const Lock lock(mutex_);
    open_.erase(key.source);  // whoever holds the former object keeps it
    return true;
  }
  bool pin(const std::string& source, bool pinned) override {
    pool_->pin(source, pinned);
    return true;
  }
  bool pinned(const std::string& source) const override { return pool_->pinned(source); }
  void drop(const std::string& source) override {
    pool_->pin(source, false);
    pool_->drop(source);
    const Lock lock(mutex_);
    open_.erase(source);
  }
  Usage usage() const override { return pool_->usage(); }

 private:
  const std::shared_ptr<MemoryPool> pool_;

  Mutex mutex_;
  std::map<std::string, std::weak_ptr<Entry>> open_ GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Store> make_memory_store(std::uint64_t limit) {
  return std::make_unique<MemoryStore>(limit);
}

}  // namespace glancefs::cache
