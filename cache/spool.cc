#include "cache/spool.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <limits>
#include <set>

#include "base/log.h"
#include "base/mutex.h"
#include "cache/file_io.h"
#include "cache/holes.h"
#include "cache/spool_directory.h"
#include "cache/spool_journal.h"

namespace glancefs::cache {
namespace {

constexpr std::uint64_t kLargestFile = std::numeric_limits<std::int64_t>::max();
// More than one write(2) brings, and than what ext4 holds back for itself: 2 % and 16 MiB at most.
constexpr std::uint64_t kNearlyFull = 32ULL << 20;
constexpr std::uint64_t kFullShare = 25;

std::string make_uuid() {
  std::array<unsigned char, 16> raw{};
  if (::getrandom(raw.data(), raw.size(), 0) != static_cast<ssize_t>(raw.size())) {
    throw_errno(errno, "getrandom");
  }
  // The version and variant bits of a random UUID (RFC 4122, 4.4).
  raw[6] = static_cast<unsigned char>((raw[6] & 0x0FU) | 0x40U);
  raw[8] = static_cast<unsigned char>((raw[8] & 0x3FU) | 0x80U);
  std::string text;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", raw.at(i));
  }
  return text;
}

void check_range(std::uint64_t offset, std::uint64_t length) {
  if (offset > kLargestFile || length > kLargestFile - offset) {
    throw_errno(EFBIG, "write beyond the largest file");
  }
}

bool can_allocate(int mode) {
  switch (mode & ~FALLOC_FL_KEEP_SIZE) {
    case 0:
    case FALLOC_FL_ZERO_RANGE:
      return true;
    default:
      return mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
  }
}

class SpoolFile final : public Spool {
 public:
  SpoolFile(std::shared_ptr<SpoolDirectory> directory, SpoolRecord record, Fd data)
      : directory_(std::move(directory)),
        file_(std::make_shared<const Fd>(std::move(data))),
        data_(*file_),
        record_(std::move(record)) {}

  SpoolRecord record() const override {
    const Lock lock(record_mutex_);
    return record_;
  }

  void update(const SpoolRecord& record) override {
    const Lock lock(record_mutex_);
    SpoolRecord next = record;
    next.id = record_.id;
    next.cloud = record_.cloud;
    next.changed = std::chrono::system_clock::now();
    write_record(directory_->files(), next);
    record_ = std::move(next);
  }

  void write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    check_range(offset, bytes.size());
    const Lock lock(write_mutex_);
    const std::uint64_t size = size_of(data_);
    const std::uint64_t before = allocated_bytes(data_);
    const std::uint64_t growth = holes(data_, offset, offset + bytes.size());
    directory_->reserve(growth);
    try {
      // Disk for holes among older bytes is taken first: should it not be there, nothing has been
      // overwritten. What is appended can be cut off again.
      if (growth > 0 && offset < size) take_disk(offset, bytes.size());
      write_at(data_, offset, bytes);
    } catch (...) {
      if (size_of(data_) > size) set_size(size);
      settle(growth, before);
      throw;
    }
    settle(growth, before);
  }

  std::size_t read(std::uint64_t offset, std::span<std::byte> into) const override {
    return read_at(data_, offset, into);
  }

  void truncate(std::uint64_t size) override {
    if (size > kLargestFile) throw_errno(EFBIG, "truncate beyond the largest file");
    const Lock lock(write_mutex_);
    const std::uint64_t before = allocated_bytes(data_);
    if (!set_size(size)) throw_errno(errno, "cannot truncate " + path());
    settle(0, before);
  }

  void allocate(int mode, std::uint64_t offset, std::uint64_t length) override {
    check_range(offset, length);
    if (!can_allocate(mode)) throw_errno(EOPNOTSUPP, "no such kind of fallocate");
    const bool frees = (mode & FALLOC_FL_PUNCH_HOLE) != 0;
    const Lock lock(write_mutex_);
    const std::uint64_t size = size_of(data_);
    const std::uint64_t before = allocated_bytes(data_);
    const std::uint64_t growth = frees ? 0 : holes(data_, offset, offset + length);
    directory_->reserve(growth);
    const int error = change_disk(mode, offset, length);
    if (error != 0 && size_of(data_) > size) set_size(size);
    settle(growth, before);
    if (error != 0) throw_errno(error, "cannot change the disk of " + path());
    // Not every file system (tmpfs) says by itself that the bytes have changed: see version().
    if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0) ::futimens(data_.get(), nullptr);
  }

  std::optional<std::uint64_t> next_data(std::uint64_t offset) const override {
    return seek(offset, SEEK_DATA);
  }
  std::optional<std::uint64_t> next_hole(std::uint64_t offset) const override {
    return seek(offset, SEEK_HOLE);
  }

  std::uint64_t size() const override { return size_of(data_); }
  void sync() override { sync_file(data_); }
  std::string path() const override { return directory_->files().path_of(data_name()); }

  bool has_data() const override {
    // ENXIO: nothing but a hole. A file system that cannot tell says that all is data.
    return ::lseek(data_.get(), 0, SEEK_DATA) >= 0 || errno != ENXIO;
  }

  SpoolVersion version() const override {
    struct stat status {};
    if (::fstat(data_.get(), &status) != 0) throw_errno(errno, "cannot look at " + path());
    constexpr std::int64_t kSecond = 1'000'000'000;
    return {.size = static_cast<std::uint64_t>(status.st_size),
            .modified = status.st_mtim.tv_sec * kSecond + status.st_mtim.tv_nsec};
  }

  std::shared_ptr<const Fd> file() const override {
    return directory_->limited() ? nullptr : file_;
  }

  bool disk_is_full() const override {
    struct statvfs disk {};
    if (::fstatvfs(data_.get(), &disk) != 0)
      throw_errno(errno, "cannot look at the disk of " + path());
    // What is set aside for root counts, too: the kernel writes as whoever opened the file.
    const std::uint64_t left = ::geteuid() == 0 ? disk.f_bfree : disk.f_bavail;
    return left * disk.f_frsize <
           std::min<std::uint64_t>(kNearlyFull, disk.f_blocks * disk.f_frsize / kFullShare);
  }

  void discard() noexcept override {
    try {
      const auto& files = directory_->files();
      // Data first: a record without data is the trace of a spool that has ended, data without a
      // record would look like bytes somebody still wants.
      if (files.is_same(data_name(), data_)) {
        const auto freed = static_cast<std::int64_t>(allocated_bytes(data_));
        if (files.remove(data_name())) directory_->settle(0, -freed);
      }
      files.remove(spool_record_name(record().id));
      files.remove(spool_draft_name(record().id));
      files.sync(".");
    } catch (const std::exception& error) {
      log::warning("cannot remove the spool {}: {}", path(), error.what());
    }
  }

 private:
  std::string data_name() const { return spool_data_name(record().id); }
  // Only pread and pwrite are used otherwise, so that the file's own position belongs to nobody.
  std::optional<std::uint64_t> seek(std::uint64_t offset, int whence) const {
    if (offset > kLargestFile) return std::nullopt;
    const off_t found = ::lseek(data_.get(), static_cast<off_t>(offset), whence);
    if (found >= 0) return static_cast<std::uint64_t>(found);
    if (errno == ENXIO) return std::nullopt;
    throw_errno(errno, "cannot look for holes in " + path());
  }
  bool set_size(std::uint64_t size) {
    return ::ftruncate(data_.get(), static_cast<off_t>(size)) == 0;
  }
  /// fallocate(2); answers 0 or the errno.
  int change_disk(int mode, std::uint64_t offset, std::uint64_t length) {
    const auto at = static_cast<off_t>(offset);
    const auto size = static_cast<off_t>(length);
    if (::fallocate(data_.get(), mode, at, size) == 0) return 0;
    if (errno != EOPNOTSUPP || (mode & FALLOC_FL_ZERO_RANGE) == 0) return errno;
    // tmpfs: the same in two steps.
    constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    if (::fallocate(data_.get(), kPunch, at, size) != 0) return errno;
    return ::fallocate(data_.get(), mode & FALLOC_FL_KEEP_SIZE, at, size) == 0 ? 0 : errno;
  }
  void take_disk(std::uint64_t offset, std::uint64_t length) {
    if (::fallocate(data_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                    static_cast<off_t>(length)) != 0 &&
        errno != EOPNOTSUPP) {
      throw_errno(errno, "no disk for " + path());
    }
  }
  void settle(std::uint64_t reserved, std::uint64_t before) noexcept {
    std::int64_t growth = 0;
    try {
      growth =
          static_cast<std::int64_t>(allocated_bytes(data_)) - static_cast<std::int64_t>(before);
    } catch (const std::system_error& error) {
      log::warning("{}", error.what());
    }
    directory_->settle(reserved, growth);
  }

  const std::shared_ptr<SpoolDirectory> directory_;
  const std::shared_ptr<const Fd> file_;  // flock(LOCK_EX) lives as long as this
  const Fd& data_;                        // the same

  Mutex write_mutex_;  // writes are one after the other, so that one can be taken back

  mutable Mutex record_mutex_;
  SpoolRecord record_ GUARDED_BY(record_mutex_);
};

class DirectorySpools final : public Spools {
 public:
  DirectorySpools(PrivateDirectory directory, std::uint64_t limit)
      : directory_(std::make_shared<SpoolDirectory>(std::move(directory), limit)) {}

  std::unique_ptr<Spool> create(SpoolRecord record) override {
    Fd data = create_data(record.id);
    record.changed = std::chrono::system_clock::now();
    try {
      write_record(directory_->files(), record);  // syncs the directory: the data's name, too
    } catch (...) {
      directory_->files().remove(spool_data_name(record.id));
      throw;
    }
    return std::make_unique<SpoolFile>(directory_, std::move(record), std::move(data));
  }

  std::vector<std::unique_ptr<Spool>> recover(const std::string& cloud) override {
    std::set<std::string> ids;
    for (const auto& name : directory_->files().list(".")) {
      if (name.find('.') == kUuidLength) ids.insert(name.substr(0, kUuidLength));
    }
    std::vector<std::unique_ptr<Spool>> found;
    for (const auto& id : ids) {
      try {
        if (auto spool = recover_one(id, cloud)) found.push_back(std::move(spool));
      } catch (const std::system_error& error) {
        if (!is_first(id)) continue;
        log::error("cannot recover the spool {}: {}", directory_->files().path_of(id),
                   error.what());
      }
    }
    std::ranges::sort(found, {}, [](const auto& spool) { return spool->record().changed; });
    return found;
  }

 private:
  static constexpr std::size_t kUuidLength = 36;

  /// Makes a data file, locked; `id` becomes its name.
  Fd create_data(std::string& id) {
    const auto& files = directory_->files();
    constexpr int kAttempts = 16;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      id = make_uuid();
      Fd data = files.open_file(spool_data_name(id), O_RDWR | O_CREAT | O_EXCL);
      // Before the lock another process may have taken the file for a left-over and removed it.
      if (try_lock(data, false) && files.is_same(spool_data_name(id), data)) return data;
    }
    throw_errno(EAGAIN, "other processes remove every new file in " + files.path());
  }

  /// null: held by somebody, of another cloud, or nothing worth keeping (then removed).
  std::unique_ptr<Spool> recover_one(const std::string& id, const std::string& cloud) {
    const auto& files = directory_->files();
    Fd data = files.open_file(spool_data_name(id), O_RDWR);
    if (!data) {
      // Its bytes have been uploaded or adopted; only the last step of discard() is missing.
      files.remove(spool_record_name(id));
      files.remove(spool_draft_name(id));
      return nullptr;
    }
    if (!try_lock(data, false) || !files.is_same(spool_data_name(id), data)) return nullptr;
    files.remove(spool_draft_name(id));
    auto record = read_record(files, id);
    if (record && record->cloud != cloud) return nullptr;
    if (record) return std::make_unique<SpoolFile>(directory_, *std::move(record), std::move(data));
    if (size_of(data) == 0 && !files.exists(spool_record_name(id))) {
      files.remove(spool_data_name(id));  // create() did not get as far as its record
    } else if (is_first(id)) {
      log::error("{} has no readable record, so nobody knows where it belongs; it is kept",
                 files.path_of(spool_data_name(id)));
    }
    return nullptr;
  }

  /// Whether nothing has been said of `id` yet.
  bool is_first(const std::string& id) {
    const Lock lock(mutex_);
    return complained_.insert(id).second;
  }

  const std::shared_ptr<SpoolDirectory> directory_;

  Mutex mutex_;
  std::set<std::string> complained_ GUARDED_BY(mutex_);  ///< ids
};

}  // namespace

std::unique_ptr<Spools> open_spools(const std::string& directory, std::uint64_t limit) {
  return std::make_unique<DirectorySpools>(PrivateDirectory::open(directory), limit);
}

}  // namespace glancefs::cache
