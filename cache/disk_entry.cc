#include "cache/disk_entry.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "cache/file_io.h"
#include "cache/object_name.h"

namespace glancefs::cache {
namespace {

// Reserved at once, so that the index is not asked for every block. A small limit is not used up by
// a few objects that have just begun.
constexpr std::uint64_t kLargestReserve = 8ULL * 1024 * 1024;
constexpr std::uint64_t kReservePart = 16;
constexpr std::uint64_t kGivenUpPart = 16;
constexpr std::chrono::milliseconds kFullFor{500};
constexpr std::uint64_t kPreparedAtOnce = 1024UL * 1024;

}  // namespace

DiskEntry::DiskEntry(std::shared_ptr<DiskRoom> room, Key key,
                     std::shared_ptr<std::atomic<std::uint64_t>> hits)
    : room_(std::move(room)),
      key_(std::move(key)),
      hits_(std::move(hits)),
      proof_(key_.content) {
  State opened{.object = open_sealed(room_->files(), key_), .kind = Kind::kSealed};
  if (!opened.object) {
    opened = {.object = open_partial(room_->files(), key_), .kind = Kind::kPartial};
    granted_ = opened.object->present();
  }
  room_->use({.name = name(opened.kind), .size = key_.size, .bytes = opened.object->present()},
             key_.source);
  set_state(std::move(opened));
}

DiskEntry::~DiskEntry() {
  State last = state();
  if (last.kind != Kind::kDetached && room_->files().exists(map_of(name(last.kind)))) {
    // Used until now; what was reserved and not needed is given back.
    room_->use({.name = name(last.kind), .size = key_.size, .bytes = last.object->present()},
               key_.source);
  }
  last.object.reset();
  set_state({});
  if (closed_) closed_();
}

DiskEntry::State DiskEntry::state() const {
  const Lock lock(state_mutex_);
  return state_;
}

void DiskEntry::set_state(State state) {
  State old;  // its files are closed after the lock is let go
  const Lock lock(state_mutex_);
  if (state_.kind == Kind::kDetached && state.object) {
    state.kind = Kind::kDetached;
    state.proven = state_.proven;
  }
  old = std::exchange(state_, std::move(state));
}

std::string DiskEntry::name(Kind kind) const {
  return kind == Kind::kSealed ? sealed_name(key_) : partial_name(key_.source);
}

std::optional<Extent> DiskEntry::missing(std::uint64_t offset, std::uint64_t length) const {
  return state().object->missing(offset, length);
}

std::uint64_t DiskEntry::present() const noexcept { return state().object->present(); }

bool DiskEntry::sealed() const noexcept {
  const State now = state();
  return now.kind == Kind::kSealed || now.proven;
}

std::shared_ptr<const Fd> DiskEntry::file() const {
  const State now = state();
  return now.kind == Kind::kSealed ? now.object->data() : nullptr;
}

std::uint64_t DiskEntry::slack() const noexcept {
  const State now = state();
  const std::uint64_t granted = granted_;
  const std::uint64_t present = now.object->present();
  return now.kind == Kind::kPartial && granted > present ? granted - present : 0;
}

void DiskEntry::detach() noexcept {
  const Lock lock(state_mutex_);
  state_.proven = state_.proven || state_.kind == Kind::kSealed;
  state_.kind = Kind::kDetached;
}

void DiskEntry::lose_proof(const BlockFile& damaged) noexcept {
  const Lock lock(state_mutex_);
  if (state_.object.get() == &damaged) state_.proven = false;
}

std::size_t DiskEntry::read(std::uint64_t offset, std::span<std::byte> into) {
  const State now = state();
  bool damaged = false;
  const std::size_t done = now.object->read(offset, into, damaged);
  *hits_ += done;
  if (damaged) handle_damage(now.object);
  return done;
}

void DiskEntry::handle_damage(const BlockFilePtr& damaged) {
  if (!warned_.exchange(true)) {
    log::warning("{}: the disk does not hold what was written; damaged blocks are fetched again",
                 room_->files().path_of(name(state().kind)));
  }
  if (!sealed()) return;
  const Lock sealing(seal_mutex_);
  const Lock writing(write_mutex_);
  if (const State now = state(); now.kind != Kind::kSealed || now.object != damaged) {
    return lose_proof(*damaged);
  }
  try {
    // What is fetched again is unproven, so it may not go into a file that others share.
    if (auto partial = take_back(room_->files(), key_, *damaged)) {
      const IndexRow row{.name = name(Kind::kPartial), .size = key_.size, .bytes = key_.size};
      room_->rename(name(Kind::kSealed), row, key_.source);
      granted_ = key_.size;
      proof_.restart();
      set_state({.object = std::move(partial), .kind = Kind::kPartial});
      return;
    }
  } catch (const std::system_error& error) {
    room_->complain(error);
  }
  room_->remove(name(Kind::kSealed));
  detach();
  lose_proof(*damaged);
}

bool DiskEntry::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  const Lock lock(write_mutex_);
  const State now = state();
  if (now.object->absent_bytes(offset, bytes.size()) == 0) return true;
  if (now.kind != Kind::kPartial) return false;
  return make_room(*now.object, {.offset = offset, .length = bytes.size()}) &&
         store(*now.object, offset, bytes);
}

bool DiskEntry::make_room(BlockFile& object, Extent range) {
  const std::uint64_t needed = object.absent_bytes(range.offset, range.length);
  const std::uint64_t granted = granted_;
  const std::uint64_t present = object.present();
  const std::uint64_t slack = granted - std::min(granted, present);
  if (slack >= needed) return true;
  const std::uint64_t least = needed - slack;
  if (reserve_some(least)) return true;
  // Nothing else to evict: blocks of this very object make room, if it has enough elsewhere.
  if (present - std::min(present, range.length - needed) < least) return false;
  try {
    const std::uint64_t freed = object.give_up(std::max(least, present / kGivenUpPart), range);
    room_->count_evicted(freed);
    return freed >= least;
  } catch (const std::system_error& error) {
    room_->complain(error);
    return false;
  }
}

bool DiskEntry::reserve_some(std::uint64_t least) {
  // The index is asked at every block when there is no room, unless it is left alone for a while.
  const auto now = std::chrono::steady_clock::now();
  if (now < full_until_) return false;
  const std::uint64_t granted = granted_;
  const std::uint64_t wish = std::min(
      {kLargestReserve, room_->limit() / kReservePart, key_.size - std::min(key_.size, granted)});
  if (reserve(least, std::max(least, wish))) return true;
  full_until_ = now + kFullFor;
  return false;
}

bool DiskEntry::reserve(std::uint64_t least, std::uint64_t most) {
  const std::uint64_t got = room_->reserve(name(Kind::kPartial), least, most);
  granted_ += got;
  return got > 0;
}

bool DiskEntry::store(BlockFile& object, std::uint64_t offset, std::span<const std::byte> bytes) {
  for (bool again = true;; again = false) {
    try {
      object.write(offset, bytes);
      return true;
    } catch (const std::system_error& error) {
      const bool full = error.code().value() == ENOSPC;
      // The disk is full below the limit: what the cache can spare goes first.
      if (full && again && room_->evict(bytes.size())) continue;
      room_->complain(error);
      return false;
    }
  }
}

void DiskEntry::prepare_seal(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    // A little at a time: a seal() that comes meanwhile goes on from there.
    const Lock lock(seal_mutex_);
    const State now = state();
    if (now.kind != Kind::kPartial || !proof_.advance(*now.object, kPreparedAtOnce)) return;
  }
}

Seal DiskEntry::seal(std::stop_token stop, const std::function<void()>& proven) {
  const Lock lock(seal_mutex_);
  const State now = state();
  if (now.kind == Kind::kSealed) return Seal::kSealed;
  if (!now.object->complete()) return Seal::kIncomplete;
  if (now.kind == Kind::kDetached) return now.proven ? Seal::kSealed : Seal::kFailed;
  try {
    const Seal proof = prove(*now.object, stop);
    if (proof == Seal::kMismatch) now.object->clear();
    if (proof != Seal::kSealed) return proof;
    if (proven) proven();
    settle(now.object);
    return sealed() ? Seal::kSealed : Seal::kFailed;
  } catch (const std::exception& error) {
    room_->complain(error);
    return Seal::kFailed;
  }
}

Seal DiskEntry::prove(BlockFile& object, const std::stop_token& stop) {
  const Seal result = proof_.finish(object, stop);
  if (result == Seal::kMismatch) {
    log::warning("{}: the bytes are not what their {} promises; dropped", key_.source,
                 key_.content->algorithm);
  }
  return result;
}

/// Gives the proven `object` its sealed name, or takes an equal one that has it already.
void DiskEntry::settle(const BlockFilePtr& object) {
  const Lock writing(write_mutex_);
  if (auto equal = open_sealed(room_->files(), key_)) {
    room_->remove(name(Kind::kPartial));
    room_->use({.name = name(Kind::kSealed), .size = key_.size, .bytes = key_.size}, key_.source);
    set_state({.object = std::move(equal), .kind = Kind::kSealed});
    return;
  }
  publish(room_->files(), key_, *object);
  room_->rename(name(Kind::kPartial),
                {.name = name(Kind::kSealed), .size = key_.size, .bytes = key_.size}, key_.source);
  reopen_sealed(object);
}

void DiskEntry::reopen_sealed(const BlockFilePtr& fallback) {
  // Others may open it from now on; this one, too, holds it shared and for reading only.
  unlock(*fallback);
  auto opened = open_sealed(room_->files(), key_);
  // null: evicted between the two lines. The bytes are still proven, and still here.
  if (!opened) opened = fallback;
  set_state({.object = std::move(opened), .kind = Kind::kSealed});
}

bool DiskEntry::reserve_all() {
  const std::uint64_t granted = granted_;
  if (granted >= key_.size) return true;
  return reserve(key_.size - granted, key_.size - granted);
}

bool DiskEntry::adopt(const std::string& path, const std::stop_token& stop) {
  const Lock lock(seal_mutex_);
  const State now = state();
  if (now.kind == Kind::kSealed) return true;
  if (now.kind == Kind::kDetached || !reserve_all()) return false;
  try {
    BlockFilePtr object;
    {
      const Lock writing(write_mutex_);  // what comes by another way would mix with it
      proof_.restart();
      object = replace_data(room_->files(), key_, *now.object, path, stop);
      set_state({.object = object, .kind = Kind::kPartial});
    }
    settle(object);
  } catch (const std::exception& error) {
    log::info("cache {}: cannot take over {}: {}", room_->files().path(), path, error.what());
    return state().object != now.object;
  }
  return true;
}

}  // namespace glancefs::cache
