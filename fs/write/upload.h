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
//
// The kernel may write the spool by itself (passthrough): then nothing is told of a write, and
// nothing stops one. The spool's version shows them afterwards: see dirty() and changed().
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "cache/spool.h"
#include "client/images.h"
#include "fs/filesystem.h"
#include "fs/transfers.h"
#include "fs/write/sending.h"
#include "fs/write/tear.h"
#include "fs/write/upload_record.h"

namespace glancefs::fs {

/// Thread-safe. Lives as long as a handle or the tree needs it.
class Upload {
 public:
  enum class State { kWriting, kUploading, kFailed, kDone };

  /// Takes over `spool`, whose record names image, directory and file. `image` is what it is to
  /// become; `found` says that it was found queued at Glance, made by somebody else, so that a
  /// failure must not delete it.
  Upload(std::shared_ptr<cache::Spool> spool, client::Image image, bool found);

  /// The image as it will be: name, visibility, properties set so far, size of the spool.
  client::Image image() const;
  /// Its UUID alone, and whether its name keeps it on this machine: without a copy of the rest.
  std::string id() const;
  bool is_local() const;
  State state() const;
  bool found() const noexcept { return found_; }
  /// The record that was found is gone from Glance: the next one is made by us. Errors of the
  /// journal.
  void make_own();
  const std::shared_ptr<cache::Spool>& shared_spool() noexcept { return spool_; }
  cache::Spool& spool() noexcept { return *spool_; }
  const cache::Spool& spool() const noexcept { return *spool_; }

  /// EPERM once the image is done, EBUSY while it is being sent. After any other failure the file
  /// is torn until the same bytes have been written after all, or it was emptied.
  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  void truncate(std::uint64_t size);
  /// As cache::Spool::allocate(), in steps. EPERM, EBUSY as write(). Throws system_error(ECANCELED)
  /// after `stop`. What fails leaves the size as it was, and does not tear the file.
  void allocate(int mode, std::uint64_t offset, std::uint64_t length, const std::stop_token& stop);
  /// The kernel writes the spool by itself from now on.
  void share() noexcept;
  bool shared() const noexcept { return shared_; }

  /// Whether there are bytes that want sending: written since the last attempt, or it failed. Once
  /// done: whether somebody has written all the same.
  bool dirty() const;
  /// Whether the spool was written since the last attempt began.
  bool changed() const;
  /// Whether it wants sending now that its writers have gone: neither done, being sent, kept here,
  /// nor failed since it was written.
  bool unsent() const;
  /// Whether it has bytes only because it was given a size: all are zeros nobody wrote.
  bool only_sized() const { return !spool_->has_data(); }

  /// No writer will come back: when this returns, everything written is durable and the journal
  /// says that it is whole. Does nothing while somebody writes, an upload runs, or its name keeps
  /// it here. Errors of the disk.
  void mark_whole();
  /// Keeps it here until somebody asks for its upload or writes it again. `why` is for people.
  void hold(const std::string& why);
  bool held() const;
  /// When the journal last wrote about it.
  std::chrono::system_clock::time_point recorded() const { return spool_->record().changed; }
  /// Whether something of it may be at Glance although no upload runs: one was cut short.
  bool announced() const;

  /// Sets or removes a field. While an upload runs it is also remembered for later(): Glance undoes
  /// what is changed in the middle of one. The stores cannot be changed then: EBUSY. False: nothing
  /// was done, it is an image by now. ERRORS of the journal.
  bool apply(const client::Change& change, std::string_view key, std::string_view text);
  using Place = UploadPlace;
  Place place() const;
  /// To another place. EBUSY while an upload runs. `whole`: the new name says that nobody will
  /// write any more, and the journal learns both at once.
  void move(const Place& place, bool whole);
  std::string replaces() const;
  /// The image it was to replace has been dealt with, once and for all. Errors of the journal.
  void forget_replaced();

  /// Whether Glance lists the image under its name already, although not all is done.
  void set_named() noexcept { named_ = true; }
  bool named() const noexcept { return named_; }

  /// It was made for process `opener`, which has been told to look its name up again and open it;
  /// until somebody does.
  void await(pid_t opener) noexcept { awaited_ = opener; }
  bool awaits(pid_t opener) const noexcept { return awaited_ == opener; }

  /// Begins an upload: no writes until finish() or fail(). EBUSY: one runs already, or it is held;
  /// EPERM: the image is complete; ESTALE: the file has been removed; the errno of a write that
  /// has torn it; ENOSPC: such a one may have been the kernel's. Everything written is durable and
  /// the journal knows of it when this returns.
  void begin();
  /// As begin(), unless somebody holds it open for writing or an upload runs: then false.
  bool begin_unless_written();
  /// As begin(), after waiting for the end of an upload that runs. False: that one did it, the
  /// image is done. `unfinished`: also what is held or torn. Throws system_error(ECANCELED) after
  /// `stop`.
  bool begin_when_idle(const std::stop_token& stop, bool unfinished);
  /// The image's UUID for the next attempt; Glance never takes a deleted one again.
  void renew_id();
  /// All is at Glance: the journal will have nobody send it again. To be called before anybody can
  /// take it for an image, which he may rename or remove. Trouble with the journal is logged: the
  /// bytes are safe.
  void arrive() noexcept;
  void finish(const client::Image& image);
  /// `text` says why; the journal keeps it.
  void fail(const std::string& text);
  /// Changes that came during the upload, the last of each field, once.
  std::vector<client::Change> later();
  /// True for the first who asks: what is to be done once the image is done is his.
  bool claim_settling() noexcept { return !settling_.exchange(true); }

  /// The file is being removed: ends an upload that runs, lets none begin, and waits until that has
  /// ended. Bytes and journal are gone then, unless the image was done already: see state(). Throws
  /// system_error(ECANCELED) after `stop`.
  void remove(const std::stop_token& stop);
  /// The image it has become is gone; what may still be written is of no use.
  void forsake() noexcept;
  bool removed() const noexcept { return removed_.stop_requested(); }
  /// Ends an upload that runs, waits until that has ended, and keeps the file as hold() does, also
  /// at the next mount. EBUSY: it is being written; EPERM: it has arrived. Throws
  /// system_error(ECANCELED) after `stop`. Errors of the journal.
  void cancel(const std::string& why, const std::stop_token& stop);
  /// Tells a running upload, or the one that begins next, to end.
  std::stop_token cancelled() const;

  /// How far the running upload is; told by whoever sends.
  Sending& sending() noexcept { return sending_; }

  /// All is sent, and Glance imports it: `news` is what is known of that.
  void importing(const std::string& news);

  /// It has nothing to send after all: ends an upload that has begun, and removes bytes and
  /// journal.
  void drop();

  /// Counts who holds it open for writing. EBUSY while it is being sent; ESTALE once it is done or
  /// removed: its name leads elsewhere.
  void open_writer();
  /// True: this was the last one.
  bool close_writer();
  bool has_writers() const;
  /// Waits until nobody holds it open for writing; false: somebody still does after `limit`.
  bool wait_for_writers(std::chrono::milliseconds limit) const;

  /// One line for .glancefs/pending.
  std::string describe() const;
  /// The same for `glancefs transfer list`.
  Transfer transfer() const;

 private:
  static constexpr pid_t kNobody = -1;
  void allocate_step(int mode, std::uint64_t offset, std::uint64_t length);
  void save() REQUIRES(mutex_);
  void rewrite() REQUIRES(mutex_);
  bool differs() const REQUIRES(mutex_);
  void check_writable() const REQUIRES(mutex_);
  void check_whole() REQUIRES(mutex_);
  void start() REQUIRES(mutex_);
  void wait_for_upload(const std::stop_token& stop) REQUIRES(mutex_);
  void end_attempt() EXCLUDES(mutex_);
  std::string_view state_word() const REQUIRES(mutex_);
  std::string shown_name() const REQUIRES(mutex_);

  const std::shared_ptr<cache::Spool> spool_;
  std::atomic<bool> found_;
  std::stop_source removed_;
  Sending sending_;
  std::atomic<bool> shared_ = false, settling_ = false, named_ = false;
  std::atomic<pid_t> awaited_ = kNobody;

  mutable Mutex mutex_;
  mutable Condition changed_;  ///< state, writers
  cache::SpoolRecord record_ GUARDED_BY(mutex_);
  client::Image image_ GUARDED_BY(mutex_);
  State state_ GUARDED_BY(mutex_) = State::kWriting;
  /// The spool when the last attempt began; absent: there was none.
  std::optional<cache::SpoolVersion> seen_ GUARDED_BY(mutex_);
  Tear torn_ GUARDED_BY(mutex_);
  bool held_ GUARDED_BY(mutex_) = false;
  /// Ends the upload that runs, or the next. Another one once that has been heard.
  std::stop_source attempt_ GUARDED_BY(mutex_);
  unsigned writers_ GUARDED_BY(mutex_) = 0;
  std::vector<client::Change> later_ GUARDED_BY(mutex_);
  std::string import_news_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
