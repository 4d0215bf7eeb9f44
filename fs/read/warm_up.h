// Brings whole images into the cache before anybody reads them.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "client/images.h"
#include "fs/failures.h"
#include "fs/read/fetcher.h"

namespace glancefs::fs {

/// One image after the other, each over all connections that readers leave free. Thread-safe.
class WarmUp {
 public:
  /// References must outlive it.
  WarmUp(Fetcher& fetcher, Failures& failures);
  /// Stops in the middle of an image; what is here of it stays.
  ~WarmUp();
  WarmUp(const WarmUp&) = delete;
  WarmUp& operator=(const WarmUp&) = delete;

  /// Queues `image`, which must be readable, unless it is queued.
  void add(client::ImagePtr image);
  /// Takes it out again, also while it is being fetched.
  void remove(std::string_view image_id);
  /// Whether it is queued or being fetched.
  bool has(std::string_view image_id) const;
  /// All of them; the first is being fetched.
  std::vector<client::ImagePtr> images() const;

 private:
  bool queued(std::string_view image_id) const REQUIRES(mutex_);
  void run();
  void fetch(const client::ImagePtr& image, const std::stop_token& stop);

  Fetcher& fetcher_;
  Failures& failures_;

  mutable Mutex mutex_;
  Condition changed_;
  bool ending_ GUARDED_BY(mutex_) = false;
  std::deque<client::ImagePtr> queue_ GUARDED_BY(mutex_);  ///< the first is being fetched
  std::stop_source current_ GUARDED_BY(mutex_);

  std::thread thread_;  // last: begun when all above lives
};

}  // namespace glancefs::fs
