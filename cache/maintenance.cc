#include "cache/maintenance.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/log.h"
#include "cache/disk_room.h"
#include "cache/file_io.h"
#include "cache/map_file.h"
#include "cache/object_name.h"

namespace glancefs::cache {
namespace {

constexpr std::uint64_t kBlocksPerRead = 16;

// A mistyped directory must not become a cache.
const DiskStoreConfig& checked(const DiskStoreConfig& config) {
  struct stat status {};
  const std::string mark = config.directory + "/glancefs-cache";
  if (::stat(mark.c_str(), &status) != 0) throw_errno(errno, config.directory + " is no cache");
  return config;
}

// Whether all blocks of `data` that the map knows, and with a digest all of them as a whole, are
// right.
class Reading {
 public:
  Reading(const Fd& data, const MapFile& map, const MapHeader& header)
      : data_(data),
        map_(map),
        size_(header.key.size),
        whole_(header.sealed) {
    if (whole_ && header.key.content) {
      content_ = header.key.content;
      hasher_ = Hasher::create(content_->algorithm);
    }
  }

  bool is_sound(const std::function<void(std::uint64_t)>& progress) {
    std::vector<BlockSum> sums(kBlocksPerRead);
    for (std::uint64_t block = 0; block < blocks_of(size_); block += kBlocksPerRead) {
      const auto some = std::span(sums).first(std::min(kBlocksPerRead, blocks_of(size_) - block));
      map_.read(block, some);
      if (!read(block, some)) return false;
      progress(read_);
    }
    return !hasher_ || hasher_->finish() == *content_;
  }

 private:
  bool read(std::uint64_t first, std::span<const BlockSum> sums) {
    std::vector<std::byte> buffer(kBlockSize);
    for (std::uint64_t i = 0; i < sums.size(); ++i) {
      if (sums[i] == kAbsent && whole_) return false;
      if (sums[i] == kAbsent) continue;
      const std::uint64_t offset = (first + i) * kBlockSize;
      const auto bytes = std::span(buffer).first(std::min(kBlockSize, size_ - offset));
      if (read_at(data_, offset, bytes) != bytes.size()) return false;
      if (block_sum(bytes, first + i) != sums[i]) return false;
      if (hasher_) hasher_->update(bytes);
      read_ += bytes.size();
    }
    return true;
  }

  const Fd& data_;
  const MapFile& map_;
  const std::uint64_t size_;
  const bool whole_;
  std::optional<Digest> content_;
  std::optional<Hasher> hasher_;
  std::uint64_t read_ = 0;
};

}  // namespace

Maintenance::Maintenance(const DiskStoreConfig& config)
    : room_(std::make_unique<DiskRoom>(checked(config))) {}

Maintenance::~Maintenance() = default;

std::vector<KeptObject> Maintenance::objects() const {
  std::map<std::string, std::vector<std::string>> users;
  for (auto& [source, name] : room_->sources()) users[name].push_back(source);
  std::vector<KeptObject> objects;
  for (IndexRow& row : room_->rows()) {
    KeptObject object{.name = row.name,
                      .sources = users[row.name],
                      .size = row.size,
                      .bytes = row.bytes,
                      .sealed = row.name.starts_with("sealed/")};
    object.pinned = std::ranges::any_of(
        object.sources, [&](const std::string& source) { return room_->pinned(source); });
    objects.push_back(std::move(object));
  }
  return objects;
}

Condition Maintenance::verify(const std::string& name,
                              const std::function<void(std::uint64_t bytes)>& progress) {
  const PrivateDirectory& files = room_->files();
  Fd fd = files.open_file(map_of(name), O_RDWR);
  if (!fd) return Condition::kGone;
  // Sealed objects never change: they can be read by many. A partial one is its holder's alone.
  if (!try_lock(fd, name.starts_with("sealed/"))) return Condition::kInUse;
  if (!files.is_same(map_of(name), fd)) return Condition::kGone;
  const MapFile map(std::move(fd));
  const auto header = map.header();
  const Fd data = files.open_file(data_of(name), O_RDONLY);
  try {
    const bool readable = header && data && size_of(data) == header->key.size;
    if (readable && Reading(data, map, *header).is_sound(progress)) return Condition::kSound;
  } catch (const std::system_error& error) {
    log::warning("{}: {}", files.path_of(name), error.what());
  }
  room_->remove(name);
  return Condition::kDamaged;
}

bool Maintenance::drop(const std::string& source) {
  const PrivateDirectory& files = room_->files();
  if (const auto name = room_->name_of(source)) {
    const Fd map = files.open_file(map_of(*name), O_RDWR);
    if (map && !try_lock(map, false)) return false;
    if (room_->leave(source, *name)) room_->remove(*name);
  }
  room_->pin(source, false);
  return true;
}

bool Maintenance::collect() { return room_->evict_to_limits(); }

std::uint64_t Maintenance::evicted() const noexcept { return room_->evicted(); }

std::uint64_t Maintenance::kept() const noexcept { return room_->totals().bytes; }

}  // namespace glancefs::cache
