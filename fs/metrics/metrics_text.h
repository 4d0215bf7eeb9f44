// The metrics of a mount, as Prometheus reads them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "cache/store.h"
#include "fs/catalogue/catalogue.h"
#include "fs/catalogue/tree.h"
#include "fs/filesystem.h"
#include "fs/metrics/metrics.h"
#include "fs/read/fetcher.h"
#include "fs/write/uploads.h"

namespace glancefs::fs {

/// Files that are not at Glance yet, by state.
struct UploadCounts {
  std::uint64_t writing = 0, uploading = 0, failed = 0;
};
UploadCounts count_uploads(const Uploads& uploads);

/// What the text is made of besides Metrics, as it is now.
struct MetricsFacts {
  const Config& config;
  Tree::Totals images;
  Freshness catalogue;
  cache::Usage cache;
  Fetcher::Counts reads;
  std::uint64_t fetched = 0;  ///< bytes from Glance since the mount
  UploadCounts uploads;
  /// When the token ends; nullopt: not known, or it does not.
  std::optional<std::chrono::system_clock::time_point> token_expires;
};

std::string metrics_text(const Metrics& metrics, const MetricsFacts& facts);

}  // namespace glancefs::fs
