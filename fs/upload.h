// A file being written: its spool, what was set on it meanwhile, and how its upload goes.
//
//                      begin()               finish()
//    write ─▶ kWriting ─────────▶ kUploading ───────────▶ kDone    (write → EPERM)
//                ▲                 │       ▲
//                │                 ▼ fail()│ begin()
//                └──── write ───── kFailed ┘                       (bytes and reason kept)
//
// The journal knows one thing more: whether the file is whole. That is when its upload begins,
// since programs close and open again; or when the mount ends and nobody has it open. What is not
// whole when the daemon dies is kept, but never sent by itself.
#pragma once

#include <atomic>
#include <chrono>
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

  /// No writer will come back: when this returns, everything written is durable and the journal
  /// says that it is whole. Does nothing while somebody writes or an upload runs. Errors of the
  /// disk.
  void mark_whole();
  /// Keeps it here until somebody asks for its upload or writes it again. `why` is for people.
  void hold(const std::string& why);
  /// Whether no close may send it: see hold(); or a write has failed, so that a part is missing.
  bool held() const;
  /// When the journal last wrote about it.
  std::chrono::system_clock::time_point changed() const { return spool_->record().changed; }
  /// Whether something of it may be at Glance although no upload runs: one was cut short.
  bool announced() const;

  /// Sets or removes a field. While an upload runs it is also remembered for later(): Glance undoes
  /// what is changed in the middle of one. ERRORS of the journal.
  void apply(const client::Change& change, std::string_view key, std::string_view text);
  /// Another name and directory. EBUSY while an upload runs. `whole`: the new name says that nobody
  /// will write any more, and the journal learns both at once.
  void move(NodeId directory, const std::string& name, bool whole);

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

  /// Who holds it open for writing.
  void open_writer();
  /// True: this was the last one.
  bool close_writer();
  bool has_writers() const;
  /// Waits until the last writer has gone, at most `limit`; false: somebody still writes.
  bool wait_for_writers(std::chrono::milliseconds limit, const std::stop_token& stop);

  /// One line for .glancefs/pending.
  std::string describe() const;

 private:
  void save() REQUIRES(mutex_);
  void rewrite() REQUIRES(mutex_);

  const std::unique_ptr<cache::Spool> spool_;
  const bool found_;
  std::stop_source cancelled_;
  std::atomic<std::uint64_t> sent_{0};

  mutable Mutex mutex_;
  cache::SpoolRecord record_ GUARDED_BY(mutex_);
  client::Image image_ GUARDED_BY(mutex_);
  State state_ GUARDED_BY(mutex_) = State::kWriting;
  bool dirty_ GUARDED_BY(mutex_) = false;
  bool held_ GUARDED_BY(mutex_) = false;
  bool torn_ GUARDED_BY(mutex_) = false;  ///< a write has failed
  unsigned writers_ GUARDED_BY(mutex_) = 0;
  Condition closed_;  ///< writers_ has become 0
  std::vector<client::Change> later_ GUARDED_BY(mutex_);
};

/// The image a journal record describes, before anything of it is at Glance.
client::Image image_of_record(const cache::SpoolRecord& record);

}  // namespace glancefs::fs
