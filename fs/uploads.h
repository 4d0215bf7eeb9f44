// All files being written: made, recovered from the journal, sent at once or after a while,
// removed.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "cache/spool.h"
#include "cache/store.h"
#include "fs/failures.h"
#include "fs/publisher.h"
#include "fs/tree.h"
#include "fs/upload.h"

namespace glancefs::fs {

struct UploadsConfig {
  std::string identity;  ///< whose journal entries are ours
  std::string endpoint;  ///< prefix of cache keys
  std::string project_id;
  /// How long after the last writer has gone a file is sent that no close() could send: long enough
  /// for programs that close and open again (qemu-img does it three times).
  std::chrono::milliseconds delay{5000};
  PublisherConfig publisher{};
};

/// Thread-safe.
class Uploads {
 public:
  /// Takes up what the journal holds: it is sent again in the background. All references must
  /// outlive it.
  Uploads(UploadsConfig config, client::Images& images, cache::Store& store, cache::Spools& spools,
          Tree& tree, Failures& failures);
  /// Stops a background upload; its bytes stay in the journal.
  ~Uploads();
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;

  /// A new file, in the tree at once. ENOSPC, EROFS.
  std::shared_ptr<Upload> create(client::Visibility visibility, const std::string& name);
  /// A spool for an image that is queued at Glance and has no data yet.
  std::shared_ptr<Upload> fill(const client::Image& queued);

  /// Sends it now and returns when it is at Glance and in the tree as an ordinary image. Throws why
  /// not; the bytes then stay. Ends with ECANCELED soon after `stop`.
  void publish(const std::shared_ptr<Upload>& upload, std::stop_token stop);
  /// Sends it after the delay, unless somebody begins to write it again.
  void publish_later(const std::shared_ptr<Upload>& upload);
  /// Forgets the file and its bytes, also in the middle of an upload.
  void remove(const std::shared_ptr<Upload>& upload, std::stop_token stop);

  /// One line for each file that is not at Glance yet.
  std::string pending() const;

  /// Whether a file of this name stays on this machine: programs write ".NAME.XXXXXX" before they
  /// rename it to NAME.
  static bool is_local_name(const std::string& name) { return name.starts_with('.'); }

 private:
  using Time = std::chrono::steady_clock::time_point;
  std::shared_ptr<Upload> add(std::unique_ptr<cache::Spool> spool, client::Image image, bool found);
  void recover();
  void complete(Upload& upload, const std::string& former_id, const client::Image& image,
                std::stop_token stop);
  void apply_later(Upload& upload, client::Image image, std::stop_token stop);
  void discard_at_glance(const std::string& id, std::stop_token stop);
  void work();

  // Constant after construction.
  const UploadsConfig config_;
  client::Images& images_;
  cache::Store& store_;
  cache::Spools& spools_;
  Tree& tree_;
  Failures& failures_;
  Publisher publisher_;
  std::stop_source ending_;

  mutable Mutex mutex_;
  Condition changed_;
  std::map<const Upload*, std::shared_ptr<Upload>> all_ GUARDED_BY(mutex_);
  std::map<const Upload*, Time> due_ GUARDED_BY(mutex_);

  std::thread worker_;  // last: begun when all above lives
};

}  // namespace glancefs::fs
