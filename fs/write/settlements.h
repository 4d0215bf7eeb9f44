// Images that were just uploaded, until their spool has become part of the cache.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "base/mutex.h"
#include "cache/store.h"
#include "fs/write/upload.h"

namespace glancefs::fs {

/// What was just written need not be fetched: its spool becomes the cache entry. As long as the
/// kernel may write the spool by itself that cannot be, so it happens when the last writer lets go,
/// and who reads the image waits for it. Thread-safe.
class Settlements {
 public:
  using UploadPtr = std::shared_ptr<Upload>;

  /// `endpoint`: prefix of cache keys. `keep_late` gets an upload whose spool was written after the
  /// image was complete; the spool is then his. `store` must outlive it.
  Settlements(std::string endpoint, cache::Store& store,
              std::function<void(const UploadPtr&)> keep_late)
      : endpoint_(std::move(endpoint)),
        store_(store),
        keep_late_(std::move(keep_late)) {}

  /// The upload is about to be done, and its image to be found.
  void expect(const UploadPtr& upload);
  /// It is done, or its last writer has gone: settles it unless the kernel may write it still.
  /// Once. What `ending` cuts short is settled without the cache.
  void settle(const UploadPtr& upload, const std::stop_token& ending);
  /// Waits until the image has settled. False: its writer has not let go for a second. Throws
  /// system_error(ECANCELED) after `stop`.
  bool wait(const std::string& image_id, const std::stop_token& stop);
  /// The image is gone from Glance: what its writer may still do to the spool is of no use.
  void image_removed(const std::string& image_id);

 private:
  void finish(const UploadPtr& upload, const std::stop_token& ending);

  const std::string endpoint_;
  cache::Store& store_;
  const std::function<void(const UploadPtr&)> keep_late_;

  Mutex mutex_;
  Condition changed_;
  std::map<const Upload*, UploadPtr> open_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
