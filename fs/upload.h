// A file being written: its spool, what was set on it meanwhile, and how its upload goes.
//
//                      begin()               finish()
//    write ─▶ kWriting ─────────▶ kUploading ───────────▶ kDone    (write → EPERM)
//                ▲                 │       ▲
//                │                 ▼ fail()│ begin()
//                └──── write ───── kFailed ┘                       (bytes and reason kept)
//
// The kernel may write the spool by itself (passthrough): then nothing is told of a write, and
// nothing stops one. The spool's version shows them afterwards: see dirty() and changed().
#pragma once

#include <atomic>
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

namespace glancefs::fs {

/// Thread-safe. Lives as long as a handle or the tree needs it, at most until its image is there.
class Upload {
 public:
  enum class State { kWriting, kUploading, kFailed, kDone };

  /// Takes over `spool`, whose record names image, directory and file. `image` is what it is to
  /// become; `found` says that it was found queued at Glance, made by somebody else, so that a
  /// failure must not delete it.
  Upload(std::shared_ptr<cache::Spool> spool, client::Image image, bool found);

  /// The image as it will be: name, visibility, properties set so far, size of the spool.
  client::Image image() const;
  State state() const;
  bool found() const noexcept { return found_; }
  const std::shared_ptr<cache::Spool>& shared_spool() noexcept { return spool_; }
  cache::Spool& spool() noexcept { return *spool_; }
  const cache::Spool& spool() const noexcept { return *spool_; }

  /// EPERM once the image is done, EBUSY while it is being sent. After any other failure the file
  /// is spoilt until the same bytes have been written after all.
  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  void truncate(std::uint64_t size);

  /// Whether there are bytes that want sending: written since the last attempt, or it failed. Once
  /// done: whether somebody has written all the same.
  bool dirty() const;
  /// Whether the spool was written since the last attempt began or ended.
  bool changed() const;
  /// Whether it waits for its program's close(2): neither done, being sent, nor failed since.
  bool unsent() const;

  /// The file is not whole and must not be sent: `error` is the errno of every begin() until it has
  /// been emptied, `why` is for people. Bytes are kept.
  void spoil(int error, const std::string& why);

  /// Sets or removes a field. While an upload runs it is also remembered for later(): Glance undoes
  /// what is changed in the middle of one. ERRORS of the journal.
  void apply(const client::Change& change, std::string_view key, std::string_view text);
  /// Another name and directory. EBUSY while an upload runs.
  void move(NodeId directory, const std::string& name);

  /// Begins an upload: no writes until finish() or fail(). EBUSY: one runs already; EPERM: the
  /// image is complete; what spoil() said. Everything written is durable and the journal knows of
  /// it when this returns.
  void begin();
  /// Its writers have gone without a sign that something is missing: the journal notes it, and may
  /// have it sent by a later process.
  void wait();
  /// Ends an upload that counts for nothing, since the file was written meanwhile.
  void reopen();
  /// The image's UUID for the next attempt; Glance never takes a deleted one again.
  void renew_id();
  void finish(const client::Image& image);
  /// `text` says why; the journal keeps it.
  void fail(const std::string& text);
  /// Changes that came during the upload, once.
  std::vector<client::Change> later();

  /// Ends a running upload soon, and writes its record no more; its file is being removed.
  void cancel();
  std::stop_token cancelled() const noexcept { return cancelled_.get_token(); }

  /// Bytes sent by the running upload.
  void sent(std::uint64_t bytes) noexcept { sent_ = bytes; }
  std::uint64_t sent() const noexcept { return sent_; }

  /// The kernel may write the spool by itself from now on.
  void share() noexcept { shared_ = true; }
  bool shared() const noexcept { return shared_; }

  /// Who holds it open for writing.
  void open_writer();
  /// True: this was the last one.
  bool close_writer();
  bool has_writers() const;

  /// One line for .glancefs/pending.
  std::string describe() const;

 private:
  struct Spoilt {
    int error;
    std::string why;
    std::uint64_t offset, size;  ///< what a write would have to bring; 0: nothing helps
  };
  void save() REQUIRES(mutex_);
  void note_failure(cache::SpoolState state, const std::string& text) REQUIRES(mutex_);
  void set_spoilt(Spoilt spoilt) REQUIRES(mutex_);
  void check_disk() REQUIRES(mutex_);
  bool differs() const REQUIRES(mutex_);

  const std::shared_ptr<cache::Spool> spool_;
  const bool found_;
  std::stop_source cancelled_;
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<bool> shared_ = false;

  mutable Mutex mutex_;
  cache::SpoolRecord record_ GUARDED_BY(mutex_);
  client::Image image_ GUARDED_BY(mutex_);
  State state_ GUARDED_BY(mutex_) = State::kWriting;
  /// The spool when the last attempt began or ended; absent: there was none.
  std::optional<cache::SpoolVersion> seen_ GUARDED_BY(mutex_);
  std::optional<Spoilt> spoilt_ GUARDED_BY(mutex_);
  bool removed_ GUARDED_BY(mutex_) = false;
  unsigned writers_ GUARDED_BY(mutex_) = 0;
  std::vector<client::Change> later_ GUARDED_BY(mutex_);
};

/// The image a journal record describes, before anything of it is at Glance.
client::Image image_of_record(const cache::SpoolRecord& record);

}  // namespace glancefs::fs
