// What there is to say about all images of the tree together.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "fs/node.h"

namespace glancefs::fs {

/// Kept up with each image that comes and goes, so that nobody has to look at all. Not thread-safe.
class TreeSums {
 public:
  /// Ours: how many, and the bytes of those whose size is known. All: how many.
  struct Totals {
    std::uint64_t images = 0, own_images = 0, own_bytes = 0;
  };

  void add(const Node& node);
  /// REQUIRES added as it is.
  void remove(const Node& node);

  const Totals& totals() const noexcept { return totals_; }
  /// The hash algorithm most images have; "sha512" when none has one.
  std::string common_hash_algorithm() const;
  /// The newest `updated`; nullopt: there are no images, or the newest has been removed, so that
  /// somebody has to look at all and set it.
  std::optional<std::chrono::sys_seconds> newest_update() const noexcept { return newest_; }
  void set_newest_update(std::optional<std::chrono::sys_seconds> newest) { newest_ = newest; }

 private:
  Totals totals_;
  std::map<std::string, std::uint64_t, std::less<>> algorithms_;
  std::optional<std::chrono::sys_seconds> newest_;
};

}  // namespace glancefs::fs
