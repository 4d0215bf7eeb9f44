// The bytes of a spool as an upload's body, hashed on their way.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "cache/digest.h"
#include "client/http.h"
#include "fs/read/rate_limit.h"
#include "fs/write/upload.h"

namespace glancefs::fs {

/// One thread at a time.
class SpoolSource : public client::Source {
 public:
  /// `algorithm` is the hash to compute while reading. Reading waits for `limit`, at most until
  /// `stop`. `upload` and `limit` must outlive it. Should the file be written all the same, this
  /// stays consistent: size() bytes, and the hash of what was read.
  SpoolSource(Upload& upload, std::string algorithm, RateLimit& limit, std::stop_token stop);

  std::size_t read(std::span<std::byte> into) override;
  void restart() override;
  std::uint64_t size() const override { return size_; }

  /// The hash of all bytes: from the reading when that came to the end, else by reading them again.
  /// nullopt: no such algorithm here.
  std::optional<cache::Digest> digest(const std::string& algorithm);

 private:
  Upload& upload_;
  const std::string algorithm_;
  RateLimit& limit_;
  const std::stop_token stop_;
  const std::uint64_t size_;
  std::uint64_t position_ = 0;
  std::optional<cache::Hasher> hasher_;
  std::optional<cache::Digest> digest_;  ///< of the last digest() or complete reading
};

}  // namespace glancefs::fs
