// The hash of an object, computed from its beginning as far as blocks are present.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <vector>

#include "cache/block_file.h"
#include "cache/digest.h"
#include "cache/store.h"

namespace glancefs::cache {

/// Follows a download, so that little is left to read when its last block comes. Whoever holds it
/// hashes each block once, unless one that was hashed is lost: what comes in its place may differ,
/// so everything begins anew. One thread at a time.
class Proof {
 public:
  /// `expected`: what the hash must be. Without one, or with an algorithm that is not known here,
  /// the checksums of the blocks are all that is compared.
  explicit Proof(std::optional<Digest> expected) : expected_(std::move(expected)) {}

  /// Hashes on in `object`, at most `bytes` of it. False: nothing more is to be done now, because a
  /// block is absent or the end is reached.
  bool advance(BlockFile& object, std::uint64_t bytes);
  /// Hashes the rest and compares. kSealed, kMismatch, or kIncomplete (also when stopped).
  Seal finish(BlockFile& object, const std::stop_token& stop);

  /// The object has been replaced.
  void restart() noexcept { begun_ = false; }

 private:
  void begin(const BlockFile& object);

  const std::optional<Digest> expected_;
  std::optional<Hasher> hasher_;
  std::uint64_t position_ = 0;  ///< all before it has been hashed
  std::uint64_t losses_ = 0;    ///< of the object, when the hash was begun
  bool begun_ = false;
  std::vector<std::byte> buffer_;
};

}  // namespace glancefs::cache
