// A file being written: its spool, what was set on it meanwhile, and how its upload goes.
//
//                      begin()               finish()
//    write ─▶ kWriting ─────────▶ kUploading ───────────▶ kDone    (write → EPERM)
//                ▲                 │       ▲
//                │                 ▼ fail()│ begin()
//                └──── write ───── kFailed ┘                       (bytes and reason kept)
#pragma once

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "cache/spool.h"
#include "client/images.h"
#include "fs/filesystem.h"

namespace glancefs::fs {

/// Thread-safe. Lives as long as a handle or the tree needs it, at most until its image is there.
class Upload {
 public:
  enum class State { kWriting, kUploading, kFailed, kDone };

  /// Takes over `spool`, whose record names image, directory and file. `image` is what it is to
  /// become; `found` says that it was found queued at Glance, made by somebody else, so that a
  /// failure must not delete it.
  Upload(std::unique_ptr<cache::Spool> spool, client::Image image, bool found);

  /// The image as it will be: name, visibility, properties set so far, size of the spool.
  client::Image image() const;
  State state() const;
  bool found() const noexcept { return found_; }
  cache::Spool& spool() noexcept { return *spool_; }
  const cache::Spool& spool() const noexcept { return *spool_; }

  /// EPERM once the image is done, EBUSY while it is being sent.
  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  void truncate(std::uint64_t size);

  /// Whether bytes were written that no upload has tried to send yet.
  bool dirty() const;

  /// Sets or removes a field. While an upload runs it is also remembered for later(): Glance undoes
  /// what is changed in the middle of one. The stores cannot be changed then: EBUSY. ERRORS of the
  /// journal.
  void apply(const client::Change& change, std::string_view key, std::string_view text);
  /// Another name and directory. EBUSY while an upload runs.
  void move(NodeId directory, const std::string& name);

  /// Begins an upload: no writes until finish() or fail(). EBUSY: one runs already. Everything
  /// written is durable and the journal knows of it when this returns.
  void begin();
  /// The image's UUID for the next attempt; Glance never takes a deleted one again.
  void renew_id();
  void finish(const client::Image& image);
  /// `text` says why; the journal keeps it.
  void fail(const std::string& text);
  /// Changes that came during the upload, once.
  std::vector<client::Change> later();

  /// Ends a running upload soon; its file is being removed.
  void cancel() noexcept { cancelled_.request_stop(); }
  std::stop_token cancelled() const noexcept { return cancelled_.get_token(); }

  /// Bytes sent by the running upload.
  void sent(std::uint64_t bytes) noexcept { sent_ = bytes; }
  std::uint64_t sent() const noexcept { return sent_; }

  /// All is sent, and Glance imports it: `news` is what is known of that.
  void importing(const std::string& news);

  /// Whether Glance may hold something under the image's id that this upload made and that is not
  /// the finished image.
  bool left_at_glance() const noexcept { return left_at_glance_; }
  void set_left_at_glance(bool left) noexcept { left_at_glance_ = left; }

  /// Who holds it open for writing.
  void open_writer();
  /// True: this was the last one.
  bool close_writer();
  bool has_writers() const;

  /// One line for .glancefs/pending.
  std::string describe() const;

 private:
  void save() REQUIRES(mutex_);

  const std::unique_ptr<cache::Spool> spool_;
  const bool found_;
  std::stop_source cancelled_;
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<bool> left_at_glance_;

  mutable Mutex mutex_;
  cache::SpoolRecord record_ GUARDED_BY(mutex_);
  client::Image image_ GUARDED_BY(mutex_);
  State state_ GUARDED_BY(mutex_) = State::kWriting;
  bool dirty_ GUARDED_BY(mutex_) = false;
  unsigned writers_ GUARDED_BY(mutex_) = 0;
  std::vector<client::Change> later_ GUARDED_BY(mutex_);
  std::string import_news_ GUARDED_BY(mutex_);
};

/// The image a journal record describes, before anything of it is at Glance.
client::Image image_of_record(const cache::SpoolRecord& record);

}  // namespace glancefs::fs
