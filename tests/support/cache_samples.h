// Bytes for tests of the cache, and keys that fit them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cache/digest.h"
#include "cache/store.h"

namespace glancefs::cache {

/// Bytes that differ from block to block and from seed to seed.
inline std::vector<std::byte> sample_bytes(std::uint64_t size, unsigned seed = 1) {
  std::vector<std::byte> bytes(size);
  std::uint32_t state = seed * 2654435761U + 1;
  for (auto& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::byte>(state >> 24U);
  }
  return bytes;
}

inline Digest digest_of(std::span<const std::byte> bytes, const std::string& algorithm = "sha512") {
  auto hasher = Hasher::create(algorithm).value();
  hasher.update(bytes);
  return hasher.finish();
}

inline Key key_for(const std::string& source, std::span<const std::byte> bytes,
                   const std::string& algorithm = "sha512") {
  return {.source = source, .size = bytes.size(), .content = digest_of(bytes, algorithm)};
}

/// All that can be read from the front on.
inline std::vector<std::byte> read_all(Entry& entry) {
  std::vector<std::byte> bytes(entry.key().size);
  bytes.resize(entry.read(0, bytes));
  return bytes;
}

}  // namespace glancefs::cache
