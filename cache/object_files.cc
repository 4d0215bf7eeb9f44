#include "cache/object_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

#include "base/log.h"
#include "cache/file_io.h"
#include "cache/object_name.h"

namespace glancefs::cache {
namespace {

constexpr std::uint64_t kBlocksPerRead = 16;

/// For reading and writing, or for reading alone when the file system has become read-only.
Fd open_writable(const PrivateDirectory& files, const std::string& name) {
  try {
    return files.open_file(name, O_RDWR);
  } catch (const std::system_error& error) {
    if (error.code().value() != EROFS) throw;
    return files.open_file(name, O_RDONLY);
  }
}

bool same_object(const Key& a, const Key& b) {
  return a.source == b.source && a.size == b.size && a.content == b.content;
}

void set_size(const Fd& fd, std::uint64_t size) {
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
    throw_errno(errno, "cannot set the size of a cached object");
  }
}

/// The map of the partial object, made if absent and locked.
Fd lock_partial_map(const PrivateDirectory& files, const std::string& name) {
  constexpr int kAttempts = 8;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Fd map = files.open_file(map_of(name), O_RDWR | O_CREAT);
    const bool locked = try_lock(map, false);
    // Evicted, renamed or replaced between the two calls: then there is another one to try.
    if (!files.is_same(map_of(name), map)) continue;
    if (locked) return map;
    break;
  }
  throw_errno(EBUSY, files.path_of(name) + " is in use by another process");
}

/// A second descriptor of the same open file: it shares the lock.
Fd duplicate(const Fd& fd) {
  return checked_fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0), "cannot duplicate a descriptor");
}

/// The checksums of all blocks of `data`.
void write_sums(const Fd& data, std::uint64_t size, const MapFile& map,
                const std::stop_token& stop) {
  std::vector<std::byte> bytes(kBlocksPerRead * kBlockSize);
  std::vector<BlockSum> sums;
  for (std::uint64_t at = 0; at < size; at += bytes.size()) {
    const auto part = std::span(bytes).first(std::min<std::uint64_t>(bytes.size(), size - at));
    if (stop.stop_requested()) throw_errno(ECANCELED, "stopped");
    if (read_at(data, at, part) != part.size()) throw_errno(EIO, "the file has become shorter");
    sums.clear();
    for (std::uint64_t begin = 0; begin < part.size(); begin += kBlockSize) {
      const auto block =
          part.subspan(begin, std::min<std::size_t>(kBlockSize, part.size() - begin));
      sums.push_back(block_sum(block, (at + begin) / kBlockSize));
    }
    map.write(at / kBlockSize, sums);
  }
}

}  // namespace

BlockFilePtr open_sealed(const PrivateDirectory& files, const Key& key) {
  const std::string name = sealed_name(key);
  Fd fd = open_writable(files, map_of(name));
  if (!fd || !try_lock(fd, true) || !files.is_same(map_of(name), fd)) return nullptr;
  MapFile map(std::move(fd));
  const auto header = map.header();
  Fd data = files.open_file(data_of(name), O_RDONLY);
  const bool whole = header && header->sealed && data && size_of(data) == header->key.size;
  if (whole) {
    const bool fits = header->key.size == key.size && header->key.content == key.content &&
                      (shareable(key) || header->key.source == key.source);
    if (!fits) return nullptr;
    auto object = std::make_shared<BlockFile>(std::move(data), std::move(map), key.size);
    if (object->complete()) return object;
    map = MapFile(duplicate(object->map().fd()));
  }
  if (try_lock(map.fd(), false)) {
    log::warning("{} is damaged; removed", files.path_of(name));
    files.remove(map_of(name));
    files.remove(data_of(name));
  }
  return nullptr;
}

BlockFilePtr open_partial(const PrivateDirectory& files, const Key& key) {
  const std::string name = partial_name(key.source);
  files.make_directory(directory_of(name));
  MapFile map(lock_partial_map(files, name));
  Fd data = files.open_file(data_of(name), O_RDWR | O_CREAT);
  const auto header = map.header();
  if (!header || !same_object(header->key, key) || (size_of(data) == 0 && key.size > 0)) {
    set_size(map.fd(), 0);
    set_size(data, 0);
    map.write_header({.key = key, .sealed = false});
  } else if (header->sealed) {
    // Stopped in the middle of publish(). Its blocks are good as far as their checksums say.
    map.write_header({.key = key, .sealed = false});
  }
  if (size_of(data) != key.size) set_size(data, key.size);
  return std::make_shared<BlockFile>(std::move(data), std::move(map), key.size);
}

void publish(const PrivateDirectory& files, const Key& key, const BlockFile& object) {
  const std::string from = partial_name(key.source);
  const std::string to = sealed_name(key);
  if (!files.is_same(map_of(from), object.map().fd())) {
    throw_errno(ESTALE, files.path_of(from) + " has been replaced");
  }
  files.make_directory(directory_of(to));
  // The flag says "proven and durable": it must not reach the disk before the bytes do.
  sync_file(*object.data());
  object.map().write_header({.key = key, .sealed = true});
  sync_file(object.map().fd());
  // The map comes last: a map with a sealed name is what others look for.
  files.rename(data_of(from), data_of(to));
  files.rename(map_of(from), map_of(to));
  files.sync(directory_of(to));
  files.sync("sealed");
  files.sync(directory_of(from));
}

BlockFilePtr take_back(const PrivateDirectory& files, const Key& key, const BlockFile& object) {
  const std::string from = sealed_name(key);
  const std::string to = partial_name(key.source);
  const Fd& map = object.map().fd();
  if (!try_lock(map, false) || !files.is_same(map_of(from), map)) return nullptr;
  files.make_directory(directory_of(to));
  object.map().write_header({.key = key, .sealed = false});
  files.rename(map_of(from), map_of(to));
  files.rename(data_of(from), data_of(to));
  unlock(object);
  return open_partial(files, key);
}

void unlock(const BlockFile& object) noexcept { ::flock(object.map().fd().get(), LOCK_UN); }

BlockFilePtr replace_data(const PrivateDirectory& files, const Key& key, BlockFile& object,
                          const std::string& path, const std::stop_token& stop) {
  Fd data = checked_fd(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC), path);
  struct stat status {};
  if (::fstat(data.get(), &status) != 0) throw_errno(errno, path);
  if (!S_ISREG(status.st_mode) || size_of(data) != key.size) {
    throw_errno(EINVAL, path + " is not a file of the right size");
  }
  if (status.st_dev != files.device()) throw_errno(EXDEV, path);
  try {
    object.clear();
    write_sums(data, key.size, object.map(), stop);
    const std::string target = data_of(partial_name(key.source));
    if (::renameat(AT_FDCWD, path.c_str(), files.fd().get(), target.c_str()) != 0) {
      throw_errno(errno, "cannot take over " + path);
    }
  } catch (...) {
    object.clear();
    throw;
  }
  MapFile map(duplicate(object.map().fd()));
  return std::make_shared<BlockFile>(std::move(data), std::move(map), key.size);
}

}  // namespace glancefs::cache
