// Cuts the bytes of a download into the cache's blocks.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "cache/store.h"
#include "client/http.h"

namespace glancefs::fs {

/// A client::Sink that passes on whole blocks: the only place where the network meets the cache.
class BlockSink : public client::Sink {
 public:
  using Deliver = std::function<void(std::uint64_t offset, std::span<const std::byte> bytes)>;

  /// The first byte to come is that at `offset`, a block boundary; `size` is the image's.
  BlockSink(std::uint64_t offset, std::uint64_t size, Deliver deliver)
      : offset_(offset),
        size_(size),
        deliver_(std::move(deliver)) {}

  void write(std::span<const std::byte> bytes) override;

 private:
  std::uint64_t offset_;  ///< of the first byte not yet passed on
  const std::uint64_t size_;
  const Deliver deliver_;
  std::vector<std::byte> begun_;  ///< the beginning of the next block
};

}  // namespace glancefs::fs
