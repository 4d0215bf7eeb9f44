// All files being written: made, recovered from the journal, sent at once or after a while,
// removed.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "cache/spool.h"
#include "cache/store.h"
#include "fs/catalogue/tree.h"
#include "fs/failures.h"
#include "fs/turns.h"
#include "fs/write/publisher.h"
#include "fs/write/recover.h"
#include "fs/write/removals.h"
#include "fs/write/settlements.h"
#include "fs/write/site_formats.h"
#include "fs/write/succession.h"
#include "fs/write/upload.h"
#include "fs/write/upload_queue.h"

namespace glancefs::fs {

struct UploadsConfig {
  std::string identity;  ///< whose journal entries are ours
  std::string endpoint;  ///< prefix of cache keys
  std::string project_id;
  /// How long after the last writer has gone a file is sent that no close() could send: long enough
  /// for programs that close and open again (qemu-img does it three times).
  std::chrono::milliseconds delay{5000};
  std::size_t at_once = 4;  ///< uploads that run at the same time, whoever waits for them
  PublisherConfig publisher{};
  Recover recover = Recover::kAuto;
  ImageFormat fallback_format{};  ///< of files whose bytes say nothing
  Replaced replaced = Replaced::kHide;
  /// Told the id of each image that was deleted here, before the tree forgets it.
  std::function<void(const std::string& id)> removed = [](const std::string& /*id*/) {};
};

/// Thread-safe.
class Uploads {
 public:
  /// Takes up what the journal holds: what is whole is sent in the background, the rest waits to be
  /// asked for (or as UploadsConfig::recover says). What another process holds still is taken up
  /// when it has let go. All references must outlive it.
  Uploads(UploadsConfig config, client::Images& images, cache::Store& store, cache::Spools& spools,
          Tree& tree, Turns& turns, Failures& failures);
  /// Stops uploads; their bytes stay in the journal, as do those of files that nobody has open: the
  /// next mount sends them.
  ~Uploads();
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;

  /// A new file, in the tree at once. ENOSPC, EROFS.
  std::shared_ptr<Upload> create(const Upload::Place& place);
  /// A spool for an image that is queued at Glance and has no data yet.
  std::shared_ptr<Upload> fill(const client::Image& queued);
  /// Lets the name of `old` lead to a file that is to take its place: one that is left from an
  /// earlier try, or a new one. `opener` is told to look the name up again. EBUSY: such a file is
  /// being uploaded. EPERM: `opener` has looked it up again and not found the file.
  void begin_replacing(const client::Image& old, pid_t opener, const std::stop_token& stop);

  /// Sends it as soon as there is a place and returns when it is at Glance and in the tree as an
  /// ordinary image. Throws why not; the bytes then stay. Ends with ECANCELED soon after `stop`.
  /// EBUSY: an upload runs, or the file was written meanwhile; then what was sent is removed again.
  void publish(const std::shared_ptr<Upload>& upload, std::stop_token stop);
  /// As publish(), also when an upload of it runs already, whose end it then waits for.
  /// `unfinished`: also what a failed write or the end of its program has left.
  void publish_now(const std::shared_ptr<Upload>& upload, bool unfinished, std::stop_token stop);
  /// Sends it after the delay, unless somebody begins to write it again.
  void publish_later(const std::shared_ptr<Upload>& upload);
  /// The last writer has gone.
  void release(const std::shared_ptr<Upload>& upload);
  /// Keeps it here until somebody asks for its upload or writes it again; see Upload::hold().
  void hold(const std::shared_ptr<Upload>& upload, const std::string& why);
  /// Ends an upload that runs or waits and keeps the file, see Upload::cancel().
  void cancel(const std::shared_ptr<Upload>& upload, const std::stop_token& stop);
  /// To another place, in the tree at once. EBUSY while an upload runs.
  void move(const std::shared_ptr<Upload>& upload, const Upload::Place& place, bool whole);
  /// After a move() that came to nothing. Trouble is logged.
  void move_back(const std::shared_ptr<Upload>& upload, const Upload::Place& place) noexcept;
  /// Forgets the file and its bytes, also in the middle of an upload.
  void remove(const std::shared_ptr<Upload>& upload, std::stop_token stop);
  /// Sends everything that waits at once, and returns when nothing is left to send, `until` has
  /// passed or `stop` is requested. What then is not at Glance is logged and waits for the next
  /// mount.
  void drain(UploadQueue::Time until, const std::stop_token& stop);

  SiteFormats& formats() noexcept { return formats_; }

  /// Images just uploaded, whose spool is on its way into the cache.
  Settlements& settlements() noexcept { return settlements_; }

  /// Takes images out of the catalogue.
  Removals& removals() noexcept { return removals_; }

  /// Each of them, those included that end just now.
  std::vector<std::shared_ptr<Upload>> all() const;
  /// One line for each file that is not at Glance yet.
  std::string pending() const;
  /// The same of those that are not meant to stay on this machine.
  std::vector<Transfer> transfers() const;

  /// How long a writer that has closed may still seem to be there: the kernel tells of a close(2)
  /// at once, but of the end of the open file when it gets round to it.
  static constexpr std::chrono::milliseconds kReleaseTime{1000};

 private:
  std::shared_ptr<Upload> add(std::shared_ptr<cache::Spool> spool, client::Image image, bool found);
  void recover();
  void recover_left() noexcept;
  void expire(const std::shared_ptr<Upload>& upload);
  void run(const std::shared_ptr<Upload>& upload, const std::stop_token& stop);
  void check_valid(Upload& upload, const client::Image& image);
  std::shared_ptr<Upload> replacement(const std::string& old_id) const;
  void drop_empty(const std::shared_ptr<Upload>& upload);
  void follow_id(const std::shared_ptr<Upload>& upload, const std::string& former_id);
  void complete(const std::shared_ptr<Upload>& upload, const std::string& former_id,
                client::Image image, const std::stop_token& stop);
  void keep_late(const std::shared_ptr<Upload>& upload);
  void apply_later(Upload& upload, client::Image& image, const std::stop_token& stop);
  void send(const std::shared_ptr<Upload>& upload);
  void schedule(const std::shared_ptr<Upload>& upload, std::chrono::milliseconds delay);
  void delete_found(const std::string& id, const std::stop_token& stop);
  void forget(const Upload& upload);

  // Constant after construction.
  const UploadsConfig config_;
  client::Images& images_;
  cache::Spools& spools_;
  Tree& tree_;
  Turns& turns_;
  Failures& failures_;
  SiteFormats formats_;
  Publisher publisher_;
  std::stop_source ending_;

  mutable Mutex mutex_;
  std::map<const Upload*, std::shared_ptr<Upload>> all_ GUARDED_BY(mutex_);

  Settlements settlements_;
  Removals removals_;
  Succession succession_;
  UploadQueue queue_;     // it sends when all above lives
  std::thread recovery_;  // last: takes up what others have let go of
};

}  // namespace glancefs::fs
