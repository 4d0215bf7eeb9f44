#include "cache/block_file.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

#include "cache/file_io.h"

namespace glancefs::cache {
namespace {

constexpr std::size_t kSumsPerRead = 8192;  // 64 KiB of map
constexpr std::uint64_t kBlocksPerRead =
    16;  // 1 MiB of data, compared while it is in the CPU's cache

}  // namespace

BlockFile::BlockFile(Fd data, MapFile map, std::uint64_t size)
    : size_(size),
      data_(std::make_shared<const Fd>(std::move(data))),
      map_(std::move(map)) {
  const std::uint64_t blocks = blocks_of(size);
  const Lock lock(bits_mutex_);
  here_.resize(blocks);
  compared_.resize(blocks);
  std::vector<BlockSum> sums(std::min<std::uint64_t>(kSumsPerRead, blocks));
  std::uint64_t present = 0;
  for (std::uint64_t first = 0; first < blocks; first += sums.size()) {
    const auto part = std::span(sums).first(std::min<std::uint64_t>(sums.size(), blocks - first));
    map_.read(first, part);
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] == kAbsent) continue;
      here_[first + i] = true;
      present += length_of(first + i);
    }
  }
  present_ = present;
}

std::uint64_t BlockFile::length_of(std::uint64_t block) const {
  return std::min<std::uint64_t>(kBlockSize, size_ - block * kBlockSize);
}

BlockFile::Block BlockFile::state(std::uint64_t block) const {
  const Lock lock(bits_mutex_);
  return {.present = here_[block], .compared = compared_[block]};
}

void BlockFile::set(std::uint64_t first, std::uint64_t count, bool present) {
  const Lock lock(bits_mutex_);
  for (std::uint64_t block = first; block < first + count; ++block) {
    compared_[block] = false;
    if (here_[block] == present) continue;
    here_[block] = present;
    present_ += present ? length_of(block) : -length_of(block);
    if (!present) ++losses_;
  }
}

void BlockFile::mark_compared(std::uint64_t first, std::uint64_t count) {
  const Lock lock(bits_mutex_);
  for (std::uint64_t block = first; block < first + count; ++block) compared_[block] = here_[block];
}

/// How many blocks from `first` on, below `end`, are in this state.
std::uint64_t BlockFile::run(std::uint64_t first, std::uint64_t end, bool present,
                             bool compared) const {
  const Lock lock(bits_mutex_);
  std::uint64_t last = first;
  while (last < end && here_[last] == present && compared_[last] == compared) ++last;
  return last - first;
}

std::optional<Extent> BlockFile::missing(std::uint64_t offset, std::uint64_t length) const {
  const std::uint64_t end = blocks_of(offset + length);
  const Lock lock(bits_mutex_);
  std::uint64_t first = offset / kBlockSize;
  while (first < end && here_[first]) ++first;
  if (first == end) return std::nullopt;
  std::uint64_t last = first;
  while (last < end && !here_[last]) ++last;
  const std::uint64_t begin = first * kBlockSize;
  return Extent{.offset = begin, .length = std::min(last * kBlockSize, size_) - begin};
}

std::uint64_t BlockFile::absent_bytes(std::uint64_t offset, std::uint64_t length) const {
  const Lock lock(bits_mutex_);
  std::uint64_t bytes = 0;
  for (std::uint64_t block = offset / kBlockSize; block < blocks_of(offset + length); ++block) {
    if (!here_[block]) bytes += length_of(block);
  }
  return bytes;
}

std::size_t BlockFile::read(std::uint64_t offset, std::span<std::byte> into, bool& damaged) {
  if (offset >= size_) return 0;
  into = into.first(std::min<std::uint64_t>(into.size(), size_ - offset));
  const std::shared_lock reading(holes_);
  std::size_t done = 0;
  while (done < into.size() && !damaged) {
    const std::size_t got = read_part(offset + done, into.subspan(done), damaged);
    if (got == 0) break;
    done += got;
  }
  return done;
}

/// The next stretch that can be had in one way; 0: the block at `offset` is absent.
std::size_t BlockFile::read_part(std::uint64_t offset, std::span<std::byte> into, bool& damaged) {
  const std::uint64_t block = offset / kBlockSize;
  const Block found = state(block);
  if (!found.present) return 0;
  try {
    if (found.compared) return read_compared(offset, into);
    const std::uint64_t skip = offset % kBlockSize;
    if (skip == 0 && into.size() >= length_of(block)) return compare(block, into, damaged);
    // Only a part is wanted, but the checksum is over all.
    std::vector<std::byte> whole(length_of(block));
    if (compare(block, whole, damaged) == 0) return 0;
    const std::size_t length = std::min(into.size(), whole.size() - skip);
    std::memcpy(into.data(), whole.data() + skip, length);
    return length;
  } catch (const std::system_error&) {  // EIO: the disk has lost it
    lose(block);
    damaged = true;
    return 0;
  }
}

std::size_t BlockFile::read_compared(std::uint64_t offset, std::span<std::byte> into) {
  const std::uint64_t block = offset / kBlockSize;
  const std::uint64_t blocks = run(block, blocks_of(offset + into.size()), true, true);
  const std::uint64_t end = std::min((block + blocks) * kBlockSize, offset + into.size());
  const std::size_t wanted = end > offset ? end - offset : 0;
  if (read_at(*data_, offset, into.first(wanted)) != wanted) throw_errno(EIO, "cut short");
  return wanted;
}

/// Reads and compares whole blocks from `first` on, as many as `into` has room for. Returns the
/// bytes of those that are right.
std::size_t BlockFile::compare(std::uint64_t first, std::span<std::byte> into, bool& damaged) {
  const std::uint64_t offset = first * kBlockSize;
  const std::uint64_t room =
      offset + into.size() >= size_ ? blocks_of(size_) - first : into.size() / kBlockSize;
  const std::uint64_t count = run(first, first + std::min(room, kBlocksPerRead), true, false);
  const std::uint64_t end = std::min((first + count) * kBlockSize, size_);
  const auto part = into.first(end > offset ? end - offset : 0);
  std::array<BlockSum, kBlocksPerRead> sums{};
  map_.read(first, std::span(sums).first(count));
  const std::size_t got = read_at(*data_, offset, part);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t begin = i * kBlockSize;
    const std::uint64_t length = length_of(first + i);
    if (begin + length <= got && block_sum(part.subspan(begin, length), first + i) == sums.at(i)) {
      continue;
    }
    lose(first + i);
    damaged = true;
    mark_compared(first, i);
    return begin;
  }
  mark_compared(first, count);
  return part.size();
}

void BlockFile::lose(std::uint64_t block) {
  set(block, 1, false);
  try {
    constexpr std::array<BlockSum, 1> kNone = {kAbsent};
    map_.write(block, kNone);
  } catch (const std::system_error&) {
    // The bad sum stays on disk and will be found again: nothing is trusted by it.
    return;
  }
}

void BlockFile::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  const Lock lock(write_mutex_);
  const std::uint64_t end = blocks_of(offset + bytes.size());
  std::vector<BlockSum> sums;
  for (std::uint64_t first = offset / kBlockSize; first < end;) {
    if (state(first).present) {
      ++first;
      continue;
    }
    const std::uint64_t count = run(first, end, false, false);
    const std::uint64_t begin = first * kBlockSize;
    const auto part =
        bytes.subspan(begin - offset, std::min((first + count) * kBlockSize, size_) - begin);
    sums.clear();
    for (std::uint64_t i = 0; i < count; ++i) {
      sums.push_back(block_sum(part.subspan(i * kBlockSize, length_of(first + i)), first + i));
    }
    // Data before map only spares work after a crash; what makes the block safe is its checksum.
    write_at(*data_, begin, part);
    map_.write(first, sums);
    set(first, count, true);
    first += count;
  }
}

void BlockFile::clear() {
  const Lock lock(write_mutex_);
  const std::unique_lock exclusive(holes_);
  set(0, blocks_of(size_), false);
  map_.clear();
  if (::ftruncate(data_->get(), 0) != 0 ||
      ::ftruncate(data_->get(), static_cast<off_t>(size_)) != 0) {
    throw_errno(errno, "cannot clear a cached object");
  }
}

std::uint64_t BlockFile::give_up(std::uint64_t bytes, Extent except) {
  const Lock lock(write_mutex_);
  const std::uint64_t blocks = blocks_of(size_);
  const std::uint64_t except_first = except.offset / kBlockSize;
  const std::uint64_t except_end = blocks_of(except.offset + except.length);
  std::uint64_t freed = 0;
  for (std::uint64_t seen = 0; seen < blocks && freed < bytes; ++seen) {
    const std::uint64_t block = ring_;
    ring_ = ring_ + 1 == blocks ? 0 : ring_ + 1;
    if (block >= except_first && block < except_end) continue;
    if (!state(block).present) continue;
    punch(block, 1);
    freed += length_of(block);
  }
  return freed;
}

void BlockFile::punch(std::uint64_t first, std::uint64_t count) {
  const std::unique_lock exclusive(holes_);
  set(first, count, false);
  const std::vector<BlockSum> none(count, kAbsent);
  map_.write(first, none);
  // In whole blocks even at the object's end: a file system frees no part of its own block.
  if (::fallocate(data_->get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(first * kBlockSize),
                  static_cast<off_t>(count * kBlockSize)) != 0) {
    throw_errno(errno, "cannot give up cached blocks");
  }
}

}  // namespace glancefs::cache
