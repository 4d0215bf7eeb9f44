// One source's view of an object on disk.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/mutex.h"
#include "cache/disk_room.h"
#include "cache/object_files.h"
#include "cache/proof.h"
#include "cache/store.h"

namespace glancefs::cache {

/// An Entry over a BlockFile, partial or sealed. The lock on its files is what keeps it from being
/// evicted, here and in other processes.
class DiskEntry final : public Entry {
 public:
  /// Opens the sealed object for `key` or else the partial one. `hits` counts bytes read. Throws
  /// system_error.
  DiskEntry(std::shared_ptr<DiskRoom> room, Key key,
            std::shared_ptr<std::atomic<std::uint64_t>> hits);
  DiskEntry(const DiskEntry&) = delete;
  DiskEntry& operator=(const DiskEntry&) = delete;
  ~DiskEntry() override;

  const Key& key() const noexcept override { return key_; }
  std::optional<Extent> missing(std::uint64_t offset, std::uint64_t length) const override;
  std::size_t read(std::uint64_t offset, std::span<std::byte> into) override;
  bool write(std::uint64_t offset, std::span<const std::byte> bytes) override;
  std::uint64_t present() const noexcept override;
  void prepare_seal(const std::stop_token& stop) override;
  Seal seal(std::stop_token stop, const std::function<void()>& proven) override;
  bool sealed() const noexcept override;
  std::shared_ptr<const Fd> file() const override;

  /// Puts the complete, proven file at `path` in the place of this object's data and seals it.
  /// False: it could not, or `stop` was requested; the file is untouched.
  bool adopt(const std::string& path, const std::stop_token& stop);
  /// Its files have been or will be removed: it serves what it has, and keeps nothing more. For
  /// good, whatever is going on meanwhile.
  void detach() noexcept;
  /// Bytes reserved in the index that hold no block yet.
  std::uint64_t slack() const noexcept;
  /// Called last of all by the destructor, when the files are closed.
  void when_closed(std::function<void()> closed) { closed_ = std::move(closed); }

 private:
  enum class Kind { kPartial, kSealed, kDetached };
  struct State {
    BlockFilePtr object;
    Kind kind = Kind::kPartial;
    bool proven = false;  ///< it was sealed before it was detached
  };

  State state() const;
  void set_state(State state);
  std::string name(Kind kind) const;
  bool make_room(BlockFile& object, Extent range) REQUIRES(write_mutex_);
  bool reserve_some(std::uint64_t least) REQUIRES(write_mutex_);
  bool store(BlockFile& object, std::uint64_t offset, std::span<const std::byte> bytes)
      REQUIRES(write_mutex_);
  Seal prove(BlockFile& object, const std::stop_token& stop) REQUIRES(seal_mutex_);
  bool reserve(std::uint64_t least, std::uint64_t most);
  bool reserve_all();
  void settle(const BlockFilePtr& object) REQUIRES(seal_mutex_);
  void handle_damage(const BlockFilePtr& damaged);
  /// Of one that is detached: what it holds is not what was proven any more.
  void lose_proof(const BlockFile& damaged) noexcept;
  void reopen_sealed(const BlockFilePtr& fallback);

  // Constant after construction.
  const std::shared_ptr<DiskRoom> room_;
  const Key key_;
  const std::shared_ptr<std::atomic<std::uint64_t>> hits_;
  std::function<void()> closed_;

  std::atomic<std::uint64_t> granted_ = 0;  // bytes reserved in the index while partial
  std::atomic<bool> warned_ = false;        // of damage: one line for each opening is enough

  // Order: seal_mutex_, write_mutex_, state_mutex_. The first is held while hashing, on purpose:
  // seals of one object wait for one another, and nothing else waits for it.
  Mutex seal_mutex_;
  Proof proof_ GUARDED_BY(seal_mutex_);
  Mutex write_mutex_;
  std::chrono::steady_clock::time_point full_until_ GUARDED_BY(write_mutex_){};
  mutable Mutex state_mutex_;
  State state_ GUARDED_BY(state_mutex_);
};

}  // namespace glancefs::cache
