#include "cache/foreign_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "base/log.h"
#include "cache/file_io.h"

namespace glancefs::cache {
namespace {

constexpr std::size_t kHashedAtOnce = 1024UL * 1024;

class ForeignFile final : public Entry {
 public:
  ForeignFile(Key key, Fd file, std::shared_ptr<ProvenFiles> proven, bool sealed)
      : key_(std::move(key)),
        file_(std::make_shared<const Fd>(std::move(file))),
        identity_(ProvenFiles::identity(*file_)),
        proven_(std::move(proven)),
        sealed_(sealed) {}

  const Key& key() const noexcept override { return key_; }

  std::optional<Extent> missing(std::uint64_t offset, std::uint64_t length) const override {
    if (!lost_) return std::nullopt;
    const std::uint64_t begin = offset / kBlockSize * kBlockSize;
    const std::uint64_t end = (offset + length + kBlockSize - 1) / kBlockSize * kBlockSize;
    return Extent{.offset = begin, .length = std::min(end, key_.size) - begin};
  }

  std::size_t read(std::uint64_t offset, std::span<std::byte> into) override {
    if (lost_ || offset >= key_.size) return 0;
    into = into.first(std::min<std::uint64_t>(into.size(), key_.size - offset));
    try {
      if (read_at(*file_, offset, into) == into.size()) return into.size();
      lose("has become shorter");
    } catch (const std::system_error& error) {
      lose(error.what());
    }
    return 0;
  }

  bool write(std::uint64_t /*offset*/, std::span<const std::byte> /*bytes*/) override {
    return !lost_;
  }
  std::uint64_t present() const noexcept override { return lost_ ? 0 : key_.size; }

  void prepare_seal(const std::stop_token& stop) override {
    while (!stop.stop_requested()) {
      const Lock lock(mutex_);
      if (!advance()) return;
    }
  }

  Seal seal(std::stop_token stop, const std::function<void()>& /*proven*/) override {
    const Lock lock(mutex_);
    if (sealed_) return Seal::kSealed;
    while (!stop.stop_requested() && advance()) continue;
    if (lost_ || position_ < key_.size || !hasher_) return Seal::kIncomplete;
    const bool right =
        hasher_->finish() == *key_.content && ProvenFiles::identity(*file_) == identity_;
    hasher_.reset();
    proven_->set(identity_, key_, right);
    if (!right) lose("is not what its hash promises");
    sealed_ = right;
    return right ? Seal::kSealed : Seal::kMismatch;
  }
  bool sealed() const noexcept override { return sealed_; }

  std::shared_ptr<const Fd> file() const override { return sealed_ ? file_ : nullptr; }

 private:
  // Hashes a little. False: nothing is left to do.
  bool advance() REQUIRES(mutex_) {
    if (sealed_ || lost_) return false;
    if (!hasher_) hasher_ = Hasher::create(key_.content->algorithm);
    std::vector<std::byte> buffer(std::min<std::uint64_t>(kHashedAtOnce, key_.size - position_));
    if (read(position_, buffer) != buffer.size()) return false;
    hasher_->update(buffer);
    position_ += buffer.size();
    return position_ < key_.size;
  }

  void lose(const char* why) noexcept {
    if (!lost_.exchange(true)) log::warning("{}: the file of its store {}", key_.source, why);
  }

  const Key key_;
  const std::shared_ptr<const Fd> file_;
  const ProvenFiles::Identity identity_;
  const std::shared_ptr<ProvenFiles> proven_;
  std::atomic<bool> sealed_;
  std::atomic<bool> lost_ = false;

  Mutex mutex_;  // held while hashing a little: seals wait for one another
  std::optional<Hasher> hasher_ GUARDED_BY(mutex_);
  std::uint64_t position_ GUARDED_BY(mutex_) = 0;
};

struct stat status_of(const Fd& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_errno(errno, "fstat");
  return status;
}

}  // namespace

ProvenFiles::Identity ProvenFiles::identity(const Fd& file) {
  const struct stat status = status_of(file);
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
          status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

std::optional<bool> ProvenFiles::find(const Identity& file, const Key& key) const {
  const Lock lock(mutex_);
  const auto found = files_.find(file);
  if (found == files_.end() || found->second.first != key.content) return std::nullopt;
  return found->second.second;
}

void ProvenFiles::set(const Identity& file, const Key& key, bool right) {
  const Lock lock(mutex_);
  files_.insert_or_assign(file, std::pair(*key.content, right));
}

EntryPtr open_foreign_file(Key key, Fd file, std::shared_ptr<ProvenFiles> proven) {
  const struct stat status = status_of(file);
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != key.size) {
    return nullptr;
  }
  if (!key.content || !Hasher::create(key.content->algorithm)) return nullptr;
  const std::optional<bool> known = proven->find(ProvenFiles::identity(file), key);
  if (known == false) return nullptr;
  const bool sealed = known.value_or(false);
  return std::make_shared<ForeignFile>(std::move(key), std::move(file), std::move(proven), sealed);
}

}  // namespace glancefs::cache
