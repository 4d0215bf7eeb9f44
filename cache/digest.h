// Whole-content hashes, over OpenSSL.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace glancefs::cache {

/// A hash of some bytes: "sha512" and lower-case hex.
struct Digest {
  std::string algorithm, hex;
  bool operator==(const Digest&) const = default;
};

/// Computes one hash over bytes given in order. One thread at a time.
class Hasher {
 public:
  /// nullopt: this OpenSSL knows no such algorithm. Names are Glance's: md5, sha1, sha224 … sha512,
  /// sha3_256, blake2b …
  static std::optional<Hasher> create(std::string_view algorithm);
  Hasher(Hasher&& other) noexcept;
  Hasher& operator=(Hasher&& other) noexcept;
  ~Hasher();

  void update(std::span<const std::byte> bytes);
  /// Ends the computation; update() is not allowed after it.
  Digest finish();

 private:
  struct Context;
  explicit Hasher(std::unique_ptr<Context> context);
  std::unique_ptr<Context> context_;
};

/// Whether two files with the same digest may be taken for the same although a stranger chose one
/// of them: true for SHA-2, SHA-3 and BLAKE2, false for MD5 and SHA-1.
bool collision_resistant(std::string_view algorithm) noexcept;

}  // namespace glancefs::cache
