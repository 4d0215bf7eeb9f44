// A file being written: its spool, what was set on it meanwhile, and how its upload goes.
//
//                      begin()               finish()
//    write ─▶ kWriting ─────────▶ kUploading ───────────▶ kDone    (write → EPERM)
//                ▲                 │       ▲
//                │                 ▼ fail()│ begin()
//                └──── write ───── kFailed ┘                       (bytes and reason kept)
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
  /// Whether it has bytes only because it was given a size: all are zeros nobody wrote.
  bool only_sized() const;

  /// Sets or removes a field. While an upload runs it is also remembered for later(): Glance undoes
  /// what is changed in the middle of one. ERRORS of the journal.
  void apply(const client::Change& change, std::string_view key, std::string_view text);
  /// Another name and directory. EBUSY while an upload runs.
  void move(NodeId directory, const std::string& name);
  bool moved() const;

  /// Begins an upload: no writes until finish() or fail(). EBUSY: one runs already. ESTALE: the
  /// file has been removed. Everything written is durable and the journal knows of it when this
  /// returns.
  void begin();
  /// As begin(), after waiting for the end of an upload that runs. False: that one did it, the
  /// image is done. Throws system_error(ECANCELED) after `stop`.
  bool begin_when_idle(const std::stop_token& stop);
  /// The image's UUID for the next attempt; Glance never takes a deleted one again.
  void renew_id();
  void finish(const client::Image& image);
  /// `text` says why; the journal keeps it.
  void fail(const std::string& text);
  /// Changes that came during the upload, once.
  std::vector<client::Change> later();

  /// The file is being removed: ends an upload that runs, lets none begin, and waits until that has
  /// ended. Bytes and journal are gone then, unless the image was done already: see state(). Throws
  /// system_error(ECANCELED) after `stop`.
  void remove(const std::stop_token& stop);
  bool removed() const noexcept { return removed_.stop_requested(); }
  /// Tells a running upload to end.
  std::stop_token cancelled() const noexcept { return removed_.get_token(); }

  /// Bytes sent by the running upload.
  void sent(std::uint64_t bytes) noexcept { sent_ = bytes; }
  std::uint64_t sent() const noexcept { return sent_; }

  /// Who holds it open for writing.
  void open_writer();
  /// True: this was the last one.
  bool close_writer();
  bool has_writers() const;
  /// Waits until nobody holds it open for writing; false: somebody still does after `limit`.
  bool wait_for_writers(std::chrono::milliseconds limit) const;

  /// One line for .glancefs/pending.
  std::string describe() const;

 private:
  void save() REQUIRES(mutex_);
  void start() REQUIRES(mutex_);
  void wait_for_upload(const std::stop_token& stop) REQUIRES(mutex_);
  void wake_all() const;

  const std::unique_ptr<cache::Spool> spool_;
  const bool found_;
  std::stop_source removed_;
  std::atomic<std::uint64_t> sent_{0};

  mutable Mutex mutex_;
  mutable Condition changed_;  ///< state, writers
  cache::SpoolRecord record_ GUARDED_BY(mutex_);
  client::Image image_ GUARDED_BY(mutex_);
  State state_ GUARDED_BY(mutex_) = State::kWriting;
  bool dirty_ GUARDED_BY(mutex_) = false;
  bool written_ GUARDED_BY(mutex_) = false;  ///< since it was empty last
  bool moved_ GUARDED_BY(mutex_) = false;
  unsigned writers_ GUARDED_BY(mutex_) = 0;
  std::vector<client::Change> later_ GUARDED_BY(mutex_);
};

/// The image a journal record describes, before anything of it is at Glance.
client::Image image_of_record(const cache::SpoolRecord& record);

}  // namespace glancefs::fs
