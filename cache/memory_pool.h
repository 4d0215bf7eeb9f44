// The blocks of all objects of a memory store, in one order of age.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "cache/store.h"

namespace glancefs::cache {

struct MemoryObject;
using MemoryObjectPtr = std::shared_ptr<MemoryObject>;

/// Blocks in memory within a limit. Thread-safe; copies of 64 KiB are all that happens under its
/// lock, hashing is done outside.
class MemoryPool {
 public:
  explicit MemoryPool(std::uint64_t limit) : limit_(limit) {}

  /// The object for `key`, held until release(). One kept for the same source under another size
  /// or content is forgotten.
  MemoryObjectPtr acquire(const Key& key);
  void release(MemoryObject& object);
  /// As Store's.
  void drop(const std::string& source);
  bool adopt(const Key& key, const std::string& path, const std::stop_token& stop);
  void pin(const std::string& source, bool pinned);
  bool pinned(const std::string& source) const;
  Usage usage() const;

  /// As Entry's.
  std::optional<Extent> missing(const MemoryObject& object, std::uint64_t offset,
                                std::uint64_t length) const;
  std::size_t read(MemoryObject& object, std::uint64_t offset, std::span<std::byte> into);
  bool write(const MemoryObjectPtr& object, std::uint64_t offset, std::span<const std::byte> bytes);
  std::uint64_t present(const MemoryObject& object) const;
  bool sealed(const MemoryObject& object) const;
  /// As Entry's; also the object that now holds the bytes: an equal one may have been sealed
  /// before.
  std::pair<Seal, MemoryObjectPtr> seal(const MemoryObjectPtr& object, const Key& key,
                                        const std::stop_token& stop);

 private:
  using BlockBytes = std::shared_ptr<const std::vector<std::byte>>;
  friend struct MemoryObject;
  using Lru = std::list<std::pair<MemoryObject*, std::uint64_t>>;  // (object, block), oldest first

  bool fill(const MemoryObjectPtr& object, const Fd& file, const std::stop_token& stop);
  Seal prove(MemoryObject& object, const Key& key, const std::stop_token& stop);
  BlockBytes block(const MemoryObject& object, std::uint64_t index) const;
  MemoryObjectPtr publish(const MemoryObjectPtr& object, const Key& key) REQUIRES(mutex_);
  MemoryObjectPtr find_kept(const Key& key) REQUIRES(mutex_);
  bool keep(MemoryObject& object, std::uint64_t index, std::span<const std::byte> bytes)
      REQUIRES(mutex_);
  /// False: all there is, is pinned.
  bool evict_oldest() REQUIRES(mutex_);
  void forget(MemoryObject& object, std::uint64_t index) REQUIRES(mutex_);
  void forget_all(MemoryObject& object) REQUIRES(mutex_);
  void detach(MemoryObject& object) REQUIRES(mutex_);
  void leave(const std::string& source) REQUIRES(mutex_);

  const std::uint64_t limit_;

  mutable Mutex mutex_;
  Condition seal_ended_;
  std::map<std::string, MemoryObjectPtr> by_source_ GUARDED_BY(mutex_);
  std::map<std::string, MemoryObjectPtr> by_content_ GUARDED_BY(mutex_);  // sealed ones only
  std::set<std::string> pins_ GUARDED_BY(mutex_);
  Lru lru_ GUARDED_BY(mutex_);
  std::uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  std::uint64_t hits_ GUARDED_BY(mutex_) = 0;
  std::uint64_t evicted_ GUARDED_BY(mutex_) = 0;
};

}  // namespace glancefs::cache
