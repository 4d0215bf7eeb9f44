// The text of .glancefs/status: what people look at first when they wonder how the mount is.
#pragma once

#include <cstdint>
#include <string>

#include "cache/store.h"
#include "fs/catalogue/catalogue.h"
#include "fs/catalogue/tree.h"
#include "fs/filesystem.h"

namespace glancefs::fs {

/// What the text is made of.
struct MountState {
  const Config& config;
  Tree::Totals images;
  std::size_t offers = 0;  ///< images that wait for our project's answer
  Freshness catalogue;
  cache::Usage cache;
  std::uint64_t fetched = 0;  ///< bytes from Glance since the mount
  std::string reads;          ///< by whom complete images are read
};

std::string status_text(const MountState& status);

}  // namespace glancefs::fs
