#include "cache/memory_pool.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "cache/file_io.h"

namespace glancefs::cache {

/// One object's blocks. All fields but size and content are guarded by the pool's mutex.
struct MemoryObject {
  struct Block {
    MemoryPool::BlockBytes bytes;
    MemoryPool::Lru::iterator age;
  };

  std::uint64_t size = 0;
  std::optional<Digest> content;
  std::map<std::uint64_t, Block> blocks;
  std::uint64_t present = 0;      // bytes in blocks
  std::uint64_t changes = 0;      // counts blocks kept and given up
  std::set<std::string> sources;  // who may read it; more than one only while sealed
  int holders = 0;
  bool sealed = false;
  bool sealing = false;
  bool detached = false;      // known to its holders alone: serves them, takes nothing more
  MemoryObjectPtr successor;  // an equal object that was sealed before this one
};

namespace {

std::uint64_t block_length(const MemoryObject& object, std::uint64_t block) {
  return std::min<std::uint64_t>(kBlockSize, object.size - block * kBlockSize);
}

/// The name under which proven bytes are shared; empty when they never are.
std::string content_name(const Key& key) {
  if (!key.content || !collision_resistant(key.content->algorithm)) return {};
  return key.content->algorithm + ":" + key.content->hex + ":" + std::to_string(key.size);
}

}  // namespace

MemoryObjectPtr MemoryPool::find_kept(const Key& key) {
  if (const auto known = by_source_.find(key.source); known != by_source_.end()) {
    const auto& object = known->second;
    if (object->size == key.size && object->content == key.content) return object;
    leave(key.source);
  }
  const auto proven = by_content_.find(content_name(key));
  if (proven == by_content_.end()) return nullptr;
  proven->second->sources.insert(key.source);
  by_source_[key.source] = proven->second;
  return proven->second;
}

MemoryObjectPtr MemoryPool::acquire(const Key& key) {
  const Lock lock(mutex_);
  auto object = find_kept(key);
  if (!object) {
    object = std::make_shared<MemoryObject>();
    object->size = key.size;
    object->content = key.content;
    object->sources = {key.source};
    by_source_[key.source] = object;
  }
  ++object->holders;
  return object;
}

void MemoryPool::release(MemoryObject& object) {
  const Lock lock(mutex_);
  --object.holders;
  if (object.holders == 0 && object.detached) forget_all(object);
}

void MemoryPool::drop(const std::string& source) {
  const Lock lock(mutex_);
  leave(source);
}

void MemoryPool::leave(const std::string& source) {
  const auto known = by_source_.find(source);
  if (known == by_source_.end()) return;
  const MemoryObjectPtr object = known->second;
  by_source_.erase(known);
  object->sources.erase(source);
  if (object->sources.empty()) detach(*object);
}

void MemoryPool::detach(MemoryObject& object) {
  object.detached = true;
  std::erase_if(by_content_, [&](const auto& item) { return item.second.get() == &object; });
  if (object.holders == 0) forget_all(object);
  // Last: this may let go of the object itself.
  const auto sources = std::move(object.sources);
  for (const auto& source : sources) by_source_.erase(source);
}

std::optional<Extent> MemoryPool::missing(const MemoryObject& object, std::uint64_t offset,
                                          std::uint64_t length) const {
  const Lock lock(mutex_);
  const std::uint64_t end = (offset + length + kBlockSize - 1) / kBlockSize;
  std::uint64_t first = offset / kBlockSize;
  while (first < end && object.blocks.contains(first)) ++first;
  if (first == end) return std::nullopt;
  std::uint64_t last = first;
  while (last < end && !object.blocks.contains(last)) ++last;
  const std::uint64_t begin = first * kBlockSize;
  return Extent{.offset = begin, .length = std::min(last * kBlockSize, object.size) - begin};
}

std::size_t MemoryPool::read(MemoryObject& object, std::uint64_t offset,
                             std::span<std::byte> into) {
  const Lock lock(mutex_);
  std::size_t done = 0;
  while (done < into.size() && offset + done < object.size) {
    const std::uint64_t at = offset + done;
    const auto found = object.blocks.find(at / kBlockSize);
    if (found == object.blocks.end()) break;
    const std::span<const std::byte> bytes =
        std::span(*found->second.bytes).subspan(at % kBlockSize);
    const std::size_t part = std::min(bytes.size(), into.size() - done);
    std::memcpy(into.data() + done, bytes.data(), part);
    done += part;
    lru_.splice(lru_.end(), lru_, found->second.age);
  }
  hits_ += done;
  return done;
}

bool MemoryPool::write(const MemoryObjectPtr& object, std::uint64_t offset,
                       std::span<const std::byte> bytes) {
  const Lock lock(mutex_);
  if (bytes.size() > limit_) return false;  // it would push out its own beginning
  for (std::size_t done = 0; done < bytes.size();) {
    const std::uint64_t index = (offset + done) / kBlockSize;
    const std::size_t length = block_length(*object, index);
    if (!keep(*object, index, bytes.subspan(done, length))) return false;
    done += length;
  }
  return true;
}

bool MemoryPool::keep(MemoryObject& object, std::uint64_t index, std::span<const std::byte> bytes) {
  if (object.blocks.contains(index)) return true;
  if (object.detached || bytes.size() > limit_) return false;
  auto copy = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
  while (bytes_ + bytes.size() > limit_) {
    if (!evict_oldest()) return false;
  }
  // A sealed object may have been among the evicted: then it is detached only if it was shared.
  if (object.detached) return false;
  object.blocks[index] = {.bytes = std::move(copy),
                          .age = lru_.insert(lru_.end(), {&object, index})};
  object.present += bytes.size();
  bytes_ += bytes.size();
  ++object.changes;
  return true;
}

bool MemoryPool::evict_oldest() {
  const auto oldest = std::ranges::find_if(lru_, [this](const auto& item) REQUIRES(mutex_) {
    return std::ranges::none_of(item.first->sources,
                                [this](const std::string& source)
                                    REQUIRES(mutex_) { return pins_.contains(source); });
  });
  if (oldest == lru_.end()) return false;
  auto [object, index] = *oldest;
  evicted_ += object->blocks.at(index).bytes->size();
  forget(*object, index);
  if (!object->sealed) return true;
  // Its bytes are proven no longer once one of them must be fetched again, and unproven bytes are
  // not shared: an object with several sources ends here, one with a single source is open again.
  object->sealed = false;
  std::erase_if(by_content_, [o = object](const auto& item) { return item.second.get() == o; });
  if (object->sources.size() > 1) detach(*object);
  return true;
}

void MemoryPool::pin(const std::string& source, bool pinned) {
  const Lock lock(mutex_);
  if (pinned) {
    pins_.insert(source);
  } else {
    pins_.erase(source);
  }
}

bool MemoryPool::pinned(const std::string& source) const {
  const Lock lock(mutex_);
  return pins_.contains(source);
}

void MemoryPool::forget(MemoryObject& object, std::uint64_t index) {
  const auto found = object.blocks.find(index);
  const std::uint64_t length = found->second.bytes->size();
  lru_.erase(found->second.age);
  object.blocks.erase(found);
  object.present -= length;
  bytes_ -= length;
  ++object.changes;
}

void MemoryPool::forget_all(MemoryObject& object) {
  while (!object.blocks.empty()) forget(object, object.blocks.begin()->first);
}

std::uint64_t MemoryPool::present(const MemoryObject& object) const {
  const Lock lock(mutex_);
  return object.present;
}

bool MemoryPool::sealed(const MemoryObject& object) const {
  const Lock lock(mutex_);
  return object.sealed;
}

Usage MemoryPool::usage() const {
  const Lock lock(mutex_);
  std::set<const MemoryObject*> objects;
  for (const auto& item : by_source_) objects.insert(item.second.get());
  return {.bytes = bytes_,
          .limit = limit_,
          .objects = objects.size(),
          .hits = hits_,
          .evicted = evicted_};
}

std::pair<Seal, MemoryObjectPtr> MemoryPool::seal(const MemoryObjectPtr& object, const Key& key,
                                                  const std::stop_token& stop) {
  std::uint64_t changes = 0;
  {
    const Lock lock(mutex_);
    while (object->sealing) seal_ended_.wait(mutex_);
    if (object->successor) return {Seal::kSealed, object->successor};
    if (object->sealed) return {Seal::kSealed, object};
    if (object->present != object->size) return {Seal::kIncomplete, object};
    object->sealing = true;
    changes = object->changes;
  }
  Seal result = Seal::kFailed;
  try {
    result = prove(*object, key, stop);
  } catch (const std::exception& error) {
    log::error("cannot hash {}: {}", key.source, error.what());
  }
  const Lock lock(mutex_);
  object->sealing = false;
  seal_ended_.notify_all();
  if (result == Seal::kMismatch) {
    forget_all(*object);
  } else if (result == Seal::kSealed && object->changes != changes) {
    result = Seal::kIncomplete;  // what was hashed is not what is there now
  }
  if (result != Seal::kSealed) return {result, object};
  return {result, publish(object, key)};
}

Seal MemoryPool::prove(MemoryObject& object, const Key& key, const std::stop_token& stop) {
  auto hasher = key.content ? Hasher::create(key.content->algorithm) : std::nullopt;
  if (!hasher) return Seal::kSealed;
  for (std::uint64_t index = 0; index * kBlockSize < object.size; ++index) {
    const BlockBytes bytes = block(object, index);
    if (!bytes || stop.stop_requested()) return Seal::kIncomplete;
    hasher->update(*bytes);
  }
  if (hasher->finish() == *key.content) return Seal::kSealed;
  log::warning("{}: the bytes are not what their {} promises; dropped", key.source,
               key.content->algorithm);
  return Seal::kMismatch;
}

MemoryPool::BlockBytes MemoryPool::block(const MemoryObject& object, std::uint64_t index) const {
  const Lock lock(mutex_);
  const auto found = object.blocks.find(index);
  return found == object.blocks.end() ? nullptr : found->second.bytes;
}

MemoryObjectPtr MemoryPool::publish(const MemoryObjectPtr& object, const Key& key) {
  const std::string name = content_name(key);
  object->sealed = true;
  if (name.empty() || object->detached) return object;
  const auto [known, inserted] = by_content_.try_emplace(name, object);
  if (inserted) return object;
  MemoryObjectPtr shared = known->second;
  shared->sources.insert(key.source);
  ++shared->holders;
  by_source_[key.source] = shared;
  object->sources.clear();
  object->detached = true;
  object->successor = shared;
  if (--object->holders == 0) forget_all(*object);
  return shared;
}

bool MemoryPool::fill(const MemoryObjectPtr& object, const Fd& file, const std::stop_token& stop) {
  if (size_of(file) != object->size) return false;
  std::vector<std::byte> bytes(kBlockSize);
  for (std::uint64_t at = 0; at < object->size; at += kBlockSize) {
    const auto part = std::span(bytes).first(block_length(*object, at / kBlockSize));
    if (stop.stop_requested() || read_at(file, at, part) != part.size() || !write(object, at, part))
      return false;
  }
  return true;
}

bool MemoryPool::adopt(const Key& key, const std::string& path, const std::stop_token& stop) {
  if (key.size > limit_) return false;
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file) return false;
  drop(key.source);  // blocks that came by another way are not what has been proven
  MemoryObjectPtr object = acquire(key);
  bool kept = sealed(*object);
  try {
    kept = kept || fill(object, file, stop);
  } catch (const std::system_error& error) {
    log::warning("cannot take over {}: {}", path, error.what());
  }
  {
    const Lock lock(mutex_);
    kept = kept && object->present == object->size;
    if (kept && !object->sealed) object = publish(object, key);
  }
  release(*object);
  return kept && ::unlink(path.c_str()) == 0;
}

}  // namespace glancefs::cache
