// Images read from their store without Glance, where this machine can reach it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cache/foreign_file.h"
#include "client/images.h"

namespace glancefs::fs {

/// Which stores are read directly.
struct DirectConfig {
  bool files = false;  ///< file stores: on the Glance host, or mounted here under the same path
};

/// Finds the bytes of images by the addresses that Glance shows (show_image_direct_url,
/// show_multiple_locations). Thread-safe. A reader of another kind of store belongs here: it is one
/// more cache::Entry.
class DirectSources {
 public:
  explicit DirectSources(DirectConfig config) : config_(config) {}

  /// All bytes of `image`, still to be proven by their hash unless they were before; null: they
  /// cannot be reached, which is logged only for those who debug.
  cache::EntryPtr open(const client::Image& image, const cache::Key& key) const;

 private:
  const DirectConfig config_;
  const std::shared_ptr<cache::ProvenFiles> proven_ = std::make_shared<cache::ProvenFiles>();
};

/// The paths of an image's data in file stores, from its direct_url and locations. Only those that
/// end in the image's id, as Glance names its files: what else an address may name is not ours to
/// read.
std::vector<std::string> store_paths(const client::Image& image);

}  // namespace glancefs::fs
