#include "fs/read/block_sink.h"

#include <algorithm>

namespace glancefs::fs {

void BlockSink::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::uint64_t block_size = std::min<std::uint64_t>(cache::kBlockSize, size_ - offset_);
    if (begun_.empty() && bytes.size() >= block_size) {
      // Whole blocks pass without a copy.
      std::uint64_t length = bytes.size() / cache::kBlockSize * cache::kBlockSize;
      if (offset_ + bytes.size() >= size_) length = size_ - offset_;
      deliver_(offset_, bytes.first(length));
      offset_ += length;
      bytes = bytes.subspan(length);
      continue;
    }
    const std::size_t take = std::min<std::size_t>(block_size - begun_.size(), bytes.size());
    begun_.insert(begun_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(take));
    bytes = bytes.subspan(take);
    if (begun_.size() < block_size) continue;
    deliver_(offset_, begun_);
    offset_ += begun_.size();
    begun_.clear();
  }
}

}  // namespace glancefs::fs
