// What there is to say about all images of the tree together.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "fs/catalogue/node.h"

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

 private:
  Totals totals_;
  std::map<std::string, std::uint64_t, std::less<>> algorithms_;
};

}  // namespace glancefs::fs
