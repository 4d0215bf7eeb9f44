#include "cache/disk_room.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>

#include <algorithm>

#include "base/log.h"
#include "cache/disk_recovery.h"
#include "cache/file_io.h"
#include "cache/object_name.h"

namespace glancefs::cache {
namespace {

constexpr const char* kVersionFile = "glancefs-cache";
constexpr std::string_view kVersionText = "glancefs cache 1\n";
// The signature of bford.info/cachedir: backup programs leave such a directory out.
constexpr std::string_view kTagText =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This directory holds copies of images that glancefs can fetch again.\n";

/// What the file holds, `text` if it was empty or not there. The lock makes others who open the
/// same new cache wait instead of reading half a text.
std::string read_or_write(const PrivateDirectory& files, const char* name, std::string_view text) {
  const Fd file = files.open_file(name, O_RDWR | O_CREAT);
  if (::flock(file.get(), LOCK_EX) != 0) throw_errno(errno, "flock " + files.path_of(name));
  std::string found(2 * text.size(), '\0');
  found.resize(read_at(file, 0, std::as_writable_bytes(std::span(found))));
  if (!found.empty()) return found;
  write_at(file, 0, std::as_bytes(std::span(text)));
  return std::string(text);
}

}  // namespace

DiskRoom::DiskRoom(const DiskStoreConfig& config)
    : config_(config),
      files_(PrivateDirectory::open(config.directory)),
      presence_(files_.open_file("lock", O_RDWR | O_CREAT)) {
  prepare();
  const Lock lock(mutex_);
  // Alone: nobody is in the middle of anything, so what looks like a left-over is one.
  const bool alone = try_lock(presence_, false);
  open_index();
  reconcile(files_, *index_, alone);
  // Another process that is starting holds it for as long as it takes to do the same.
  if (::flock(presence_.get(), LOCK_SH) != 0) throw_errno(errno, "flock " + files_.path());
}

void DiskRoom::prepare() {
  read_or_write(files_, "CACHEDIR.TAG", kTagText);
  if (read_or_write(files_, kVersionFile, kVersionText) != kVersionText) {
    throw_errno(EINVAL, files_.path() +
                            " was made by another version of glancefs; "
                            "remove it or choose another cache directory");
  }
  files_.make_directory("partial");
  files_.make_directory("sealed");
}

void DiskRoom::open_index() {
  try {
    index_.emplace(files_);
  } catch (const DamagedDatabase& error) {
    log::warning("{}: {}; set aside and built anew", files_.path(), error.what());
    Index::set_aside(files_);
    index_.emplace(files_);
  }
}

/// Runs `work` on the index; a failure is logged and gives an empty value.
template <typename Work>
std::invoke_result_t<Work, Index&> DiskRoom::guarded(Work work) noexcept {
  try {
    return work(*index_);
  } catch (const std::exception& error) {
    complain(error);
    return std::invoke_result_t<Work, Index&>();
  }
}

std::uint64_t DiskRoom::disk_free() const {
  struct statvfs status {};
  if (::fstatvfs(files_.fd().get(), &status) != 0) throw_errno(errno, "statvfs " + files_.path());
  return status.f_bavail * status.f_frsize;
}

std::uint64_t DiskRoom::disk_left() const {
  const std::uint64_t free = disk_free();
  return free - std::min(free, config_.min_free);
}

std::uint64_t DiskRoom::reserve(const std::string& name, std::uint64_t least,
                                std::uint64_t most) noexcept {
  const Lock lock(mutex_);
  return guarded([&](Index& index) -> std::uint64_t {
    if (least > config_.limit) return 0;
    if (disk_left() < least) evict_from(index, least - disk_left());
    if (disk_left() < least) return 0;
    most = std::clamp(disk_left(), least, most);
    std::uint64_t granted = index.reserve(name, least, most, config_.limit);
    if (granted == 0) {
      const std::uint64_t total = index.total_bytes();
      const std::uint64_t over = total + least - std::min(total + least, config_.limit);
      evict_from(index, over);
      granted = index.reserve(name, least, most, config_.limit);
    }
    return granted;
  });
}

bool DiskRoom::evict(std::uint64_t bytes) noexcept {
  const Lock lock(mutex_);
  return guarded([&](Index& index) { return evict_from(index, bytes); });
}

bool DiskRoom::evict_from(Index& index, std::uint64_t bytes) {
  std::uint64_t freed = 0;
  for (const auto& row : index.evictable()) {
    if (freed >= bytes) break;
    if (!evict_one(index, row)) continue;
    freed += row.bytes;
    evicted_ += row.bytes;
  }
  return freed >= bytes;
}

bool DiskRoom::evict_one(Index& index, const IndexRow& row) {
  const Fd map = files_.open_file(map_of(row.name), O_RDWR);
  if (map && !try_lock(map, false)) return false;  // somebody has it open
  // The lock came too late if the file has been replaced; then it is not ours to remove.
  if (map && !files_.is_same(map_of(row.name), map)) return false;
  if (!files_.remove(data_of(row.name)) || !files_.remove(map_of(row.name))) return false;
  index.remove(row.name);
  return true;
}

void DiskRoom::use(const IndexRow& row, const std::string& source) noexcept {
  const Lock lock(mutex_);
  guarded([&](Index& index) { index.use(row, source); });
}

void DiskRoom::rename(const std::string& from, const IndexRow& to,
                      const std::string& source) noexcept {
  const Lock lock(mutex_);
  guarded([&](Index& index) { index.rename(from, to, source); });
}

void DiskRoom::set_bytes(const std::string& name, std::uint64_t bytes) noexcept {
  const Lock lock(mutex_);
  guarded([&](Index& index) { index.set_bytes(name, bytes); });
}

std::optional<std::string> DiskRoom::name_of(const std::string& source) noexcept {
  const Lock lock(mutex_);
  return guarded([&](Index& index) { return index.name_of(source); });
}

bool DiskRoom::leave(const std::string& source, const std::string& name) noexcept {
  const Lock lock(mutex_);
  return guarded([&](Index& index) { return index.leave(source, name); });
}

bool DiskRoom::pin(const std::string& source, bool pinned) noexcept {
  const Lock lock(mutex_);
  return guarded([&](Index& index) {
    index.pin(source, pinned);
    return true;
  });
}

bool DiskRoom::pinned(const std::string& source) noexcept {
  const Lock lock(mutex_);
  return guarded([&](Index& index) { return index.pinned(source); });
}

void DiskRoom::remove(const std::string& name) noexcept {
  const Lock lock(mutex_);
  guarded([&](Index& index) {
    files_.remove(data_of(name));
    files_.remove(map_of(name));
    index.remove(name);
  });
}

std::vector<IndexRow> DiskRoom::rows() noexcept {
  const Lock lock(mutex_);
  return guarded([&](Index& index) { return index.rows(); });
}

std::vector<std::pair<std::string, std::string>> DiskRoom::sources() noexcept {
  const Lock lock(mutex_);
  return guarded([&](Index& index) { return index.sources(); });
}

bool DiskRoom::evict_to_limits() noexcept {
  const Lock lock(mutex_);
  return guarded([&](Index& index) {
    const std::uint64_t free = disk_free();
    const std::uint64_t total = index.total_bytes();
    const std::uint64_t over = std::max(total - std::min(total, config_.limit),
                                        config_.min_free - std::min(config_.min_free, free));
    return over == 0 || evict_from(index, over);
  });
}

IndexRow DiskRoom::totals() noexcept {
  const Lock lock(mutex_);
  return guarded([&](Index& index) -> IndexRow {
    return {.name = {}, .size = index.count(), .bytes = index.total_bytes()};
  });
}

void DiskRoom::complain(const std::exception& error) noexcept {
  const auto* known = dynamic_cast<const std::system_error*>(&error);
  const int code = known != nullptr ? known->code().value() : EIO;
  const Lock lock(complaints_mutex_);
  try {
    if (!complaints_.insert(code).second) return;
  } catch (const std::bad_alloc&) {
    return;  // then there is nothing better to do than to be quiet
  }
  log::warning("cache {}: {}; what cannot be kept is fetched again each time", files_.path(),
               error.what());
}

}  // namespace glancefs::cache
