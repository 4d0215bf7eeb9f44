// What the mount means, in terms of images: every operation of the file system in our own types.
// Knows no FUSE; fs/fuse/operations.cc is the shell that brings the kernel's requests here.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "cache/snapshots.h"
#include "cache/spool.h"
#include "cache/store.h"
#include "client/images.h"
#include "fs/attributes/xattr_list.h"
#include "fs/read/verify.h"
#include "fs/shared_flag.h"
#include "fs/write/destination.h"
#include "fs/write/disk_format.h"
#include "fs/write/recover.h"
#include "fs/write/replaced.h"

namespace glancefs::fs {

/// A file or directory: its inode number, which for an image derives from its UUID and so is the
/// same on every host and after every remount. Never reused; generation numbers are not needed.
using NodeId = std::uint64_t;
inline constexpr NodeId kRootNode = 1;

using FileTime = std::chrono::sys_time<std::chrono::nanoseconds>;

/// What stat(2) tells.
struct Attributes {
  NodeId node = 0;
  mode_t mode = 0;  ///< type and permissions
  uid_t uid = 0;
  gid_t gid = 0;
  std::uint32_t links = 1;
  std::uint64_t size = 0;    ///< bytes
  std::uint64_t blocks = 0;  ///< of 512 bytes
  FileTime modified{}, changed{};
};

/// What a name leads to. node 0: there is no such name.
struct Entry {
  NodeId node = 0;
  Attributes attributes;
  std::chrono::milliseconds valid{0};  ///< how long the kernel may remember name and attributes
};

struct DirectoryEntry {
  std::string name;
  NodeId node = 0;
  bool image = false;  ///< known to be a file
};

class Watcher;       // fs/catalogue/watcher.h
struct MountState;   // fs/attributes/status.h
struct Transfer;     // fs/transfers.h
struct CachedImage;  // fs/attributes/local_xattrs.h
struct Metrics;      // fs/metrics/metrics.h

/// An open file: what open() and create() made, until release(). Used through Filesystem only.
class Handle {
 public:
  virtual ~Handle() = default;
};

struct Opened {
  std::unique_ptr<Handle> handle;
  /// The kernel may keep the pages it has: true for images, whose bytes never change.
  bool keep_cache = false;
  /// Reads and writes must come here each time, since the size may change.
  bool direct_io = false;
  /// All bytes, which the kernel may read by itself; null: none.
  std::shared_ptr<const Fd> file = nullptr;
  /// `file` is a spool, which it may also write; otherwise it is proven and never changes.
  bool file_is_written = false;
};

/// Who asks.
struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;  ///< of the process (thread group)
};

/// A read waiting for its answer. Exactly one of done() and fail() is called, once, on any thread.
class PendingRead {
 public:
  virtual ~PendingRead() = default;
  /// Tells when the reader was interrupted; it is then failed with EINTR.
  virtual std::stop_token interrupted() const = 0;
  /// Fewer bytes than asked for mean the end of the file. The handle may be released before this
  /// returns, so `bytes` must not be part of it.
  virtual void done(std::span<const std::byte> bytes) noexcept = 0;
  virtual void fail(std::exception_ptr reason) noexcept = 0;
};

/// What setattr(2) wants; absent: as it is.
struct AttributeChange {
  std::optional<mode_t> mode;
  std::optional<std::uint64_t> size;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
};

/// What statfs(2) tells.
struct Statistics {
  std::uint64_t bytes_total = 0, bytes_free = 0;
  std::uint64_t files_total = 0, files_free = 0;
};

/// What lseek(2) looks for besides offsets.
enum class Seek { kData, kHole };

enum class XattrMode {
  kSet,      ///< make or replace
  kCreate,   ///< EEXIST when there is one
  kReplace,  ///< ENODATA when there is none
};

struct Config {
  std::string label;     ///< the cloud, for people
  std::string identity;  ///< endpoint and project: whose journal entries are ours
  std::string endpoint;  ///< prefix of cache keys
  /// Under which the catalogue is kept for the next mount, see client::catalogue_key() and
  /// listed_part(); empty: it is not kept.
  std::string catalogue_key;
  /// user.glancefs.read_only of the root changes it, for `mount -o remount`.
  SharedFlag read_only = false;
  bool offline = false;    ///< begin with the kept catalogue when the cloud does not answer
  std::string project_id;  ///< whose private and shared images are "ours"; empty: everybody's
  std::string project_name;
  bool is_admin = false;  ///< listings then hold other projects' images
  bool show_hidden = false;
  bool all_projects = false;  ///< show them under "projects"; needs is_admin
  /// The only visibilities that are shown; empty: all.
  std::vector<client::Visibility> visibilities;
  /// The directory that is the root of the mount: empty, a visibility, or "projects/NAME".
  std::string subdirectory;
  bool allow_delete = true;
  bool replace = false;  ///< images can be written over, by new ones
  Replaced replaced = Replaced::kHide;
  XattrList xattrs = XattrList::kAll;
  bool check_properties = false;  ///< compare their values with the site's definitions
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t umask = 0;
  std::chrono::milliseconds metadata_ttl{30000};  ///< how old the catalogue may be
  std::chrono::milliseconds read_timeout{60000};  ///< how long one read may wait
  /// How long a mount waits to be shown fresh when it has a kept catalogue. A page of 1,000 images
  /// takes Glance about a second: who has no more than that is not shown an old one.
  std::chrono::milliseconds first_refresh{2000};
  ImageFormat fallback_format;  ///< of files whose bytes say nothing
  unsigned connections = 8;     ///< downloads at once
  Verify verify = Verify::kFull;
  std::uint64_t memory_limit = 64ULL << 20;  ///< bytes, of which half may be image data
  std::uint64_t download_limit = 0;          ///< bytes per second; 0: none
  std::uint64_t upload_limit = 0;            ///< the same of all uploads together
  bool direct_files = false;                 ///< read file stores without Glance
  Recover recover = Recover::kAuto;          ///< what becomes of what the journal holds
  /// How long a file rests that no close(2) could send before it is sent; and how long before a
  /// failed upload is tried again.
  std::chrono::milliseconds upload_delay{5000}, upload_pause{1000};
  unsigned uploads = 4;  ///< at once
  std::string options;   ///< the text of .glancefs/options
  /// For .glancefs/status, where umount.fuse.glancefs finds what it has to wait for.
  std::string state_directory;
  std::chrono::milliseconds shutdown_timeout{0};
  /// How long an import may stand still before it counts as stuck.
  std::chrono::milliseconds import_patience{std::chrono::minutes(60)};
  Destination upload_to;  ///< of files that have no stores of their own
  /// Whether symlink(2) has Glance fetch what the link leads to.
  bool import_links = false;
  /// What is counted of the mount, for .glancefs/metrics, which is not there without; must outlive
  /// the Filesystem.
  const Metrics* metrics = nullptr;
  /// When the token ends, for the metrics; empty, or nullopt: not known.
  std::function<std::optional<std::chrono::system_clock::time_point>()> token_expires;
};

/// The file system. Thread-safe. Failures are exceptions of the system_error family, which
/// Failures::record() (fs/failures.h) turns into the errno to answer.
///
/// Methods come in three kinds, and the shell must keep them apart:
///   memory     answer at once; may be called on the thread that reads the kernel's requests
///   blocking   may wait for network or disk, each bounded in time; end soon after `stop` is
///   requested parking    read(): returns at once and answers later
class Filesystem {
 public:
  /// Lists the images, which proves that the cloud can be used, or takes them from the catalogue
  /// that `snapshots` (may be null) kept, takes up what the journal holds, and starts the
  /// background work. What it gets by reference must outlive it. Throws what the first listing
  /// throws, as Catalogue does.
  Filesystem(Config config, client::Images& images, cache::Store& store, cache::Spools& spools,
             cache::Snapshots* snapshots = nullptr);
  /// Ends background work; reads that still wait fail with EIO.
  ~Filesystem();
  Filesystem(const Filesystem&) = delete;
  Filesystem& operator=(const Filesystem&) = delete;

  // Memory.

  /// nullopt: not known here, lookup() may ask the cloud. ENAMETOOLONG (more than 255 bytes).
  std::optional<Entry> find(NodeId parent, std::string_view name) const;
  /// ESTALE: it is gone. One that was unlinked here is not while it is open: it has 0 links.
  Attributes attributes(NodeId node) const;
  /// How long the kernel may remember the attributes of `node`.
  std::chrono::milliseconds attributes_valid(NodeId node) const;
  /// Everything in a directory except "." and "..", as it is now. ENOTDIR.
  std::vector<DirectoryEntry> list(NodeId directory) const;
  /// When the listing of a directory last changed, never twice the same; nullopt: nobody keeps
  /// count of that, so the listing must not be remembered.
  std::optional<FileTime> listing_changed(NodeId directory) const;
  /// The directory above a directory.
  NodeId parent(NodeId directory) const;
  /// nullopt: no such attribute. Names without "user." never have a value.
  std::optional<std::string> xattr(NodeId node, std::string_view name) const;
  std::vector<std::string> xattr_names(NodeId node) const;
  /// Whether the value is not in memory and ask_xattr() has to be called instead of xattr(). Such
  /// attributes are never listed.
  static bool asks_for_xattr(std::string_view name);
  Statistics statistics() const;
  /// The text of .glancefs/metrics. REQUIRES Config::metrics.
  std::string metrics() const;
  /// Who hears from now on of what has changed, here or elsewhere; null: nobody.
  void watch(std::shared_ptr<Watcher> watcher);
  /// Into the spool of a file being written. EBADF, EPERM (an image's bytes), EFBIG, ENOSPC,
  /// EDQUOT.
  void write(Handle& handle, std::uint64_t offset, std::span<const std::byte> bytes);
  /// Where the first data or the first hole at or after `offset` begins. An image is all data, a
  /// file being written has the holes of its spool; each ends with a hole. ENXIO: there is none.
  std::uint64_t seek(const Handle& handle, std::uint64_t offset, Seek wanted) const;
  /// The kernel has got Opened.file of `handle`, a spool, and writes it without asking.
  void kernel_writes(Handle& handle);
  /// What .glancefs/status tells, as values.
  MountState status() const;
  /// What is on its way to and from Glance, or waits for it.
  std::vector<Transfer> transfers() const;
  /// The record of an image, or what a file being written will be. EISDIR, ESTALE (gone).
  client::Image image(NodeId node) const;
  /// The name of the image of this id, as in "private/a.img"; nullopt: there is none.
  std::optional<std::string> file_of(std::string_view image_id) const;
  /// See LocalXattrs::state() and drop().
  CachedImage cached(NodeId node) const;
  void drop_cached(NodeId node);
  /// Tells how complete images are read, for .glancefs/status: "by the kernel (passthrough)".
  void set_read_mode(std::string mode);
  /// What a file of .glancefs says: "status", "transfers" … Empty: there is none of that name.
  std::string control_text(std::string_view name) const;
  /// Whether flush() would upload now; if not, there is no need to call it.
  bool flush_uploads(const Handle& handle, Caller caller) const;

  // Parking.

  /// EACCES, ENODATA, ESTALE (deleted meanwhile), EIO, ETIMEDOUT, EINTR.
  void read(Handle& handle, std::uint64_t offset, std::size_t size,
            std::unique_ptr<PendingRead> reader);

  // Blocking.

  /// As find(), and asks the cloud about a name that is not known. Entry{} when there is none.
  Entry lookup(NodeId parent, std::string_view name, std::stop_token stop);
  /// `flags` as open(2). EACCES, EPERM (writing an active image), ENODATA (queued), EBUSY (being
  /// written elsewhere), EROFS. ESTALE: the name leads to another node by now; the kernel then asks
  /// for it and opens what it leads to. Who opens it matters for writing only.
  Opened open(NodeId node, int flags, Caller caller, std::stop_token stop);
  /// As xattr(), and asks the cloud where that cannot know. What Glance says.
  std::optional<std::string> ask_xattr(NodeId node, std::string_view name, std::stop_token stop);
  /// A new image, still local. EEXIST, EACCES, EROFS, EILSEQ, ENAMETOOLONG, ENOSPC.
  std::pair<Entry, Opened> create(NodeId parent, std::string_view name, int flags, Caller caller,
                                  std::stop_token stop);
  /// Takes disk for a part of a file being written, or gives it back; `mode` as fallocate(2).
  /// EOPNOTSUPP (another mode than 0, KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE), EBADF, EPERM (an image's
  /// bytes), EBUSY, EFBIG, ENOSPC; the size is then as before.
  void allocate(Handle& handle, int mode, std::uint64_t offset, std::uint64_t length,
                std::stop_token stop);
  /// A new image that Glance fetches from `target`, a URL; returns when that has been accepted. The
  /// answer is a link, which the kernel wants, that nobody ever finds: what `name` leads to from
  /// then on is the image. See WebImports::order() for the errors.
  Entry symlink(NodeId parent, std::string_view name, const std::string& target,
                std::stop_token stop);
  /// Each close(2) of the descriptor, also by other processes. Uploads what the creator wrote and
  /// returns when the image is active with the right size and hash; throws why not.
  void flush(Handle& handle, Caller caller, std::stop_token stop);
  /// Sends what waits for being sent, at once; returns when it is at Glance, `until` has passed or
  /// `stop` is requested. For the end: what is left over is logged and waits for the next mount.
  void finish_uploads(std::chrono::steady_clock::time_point until, const std::stop_token& stop);
  /// Whether sync() would upload now; if not, it needs the local disk only.
  bool sync_uploads(const Handle& handle) const;
  /// Makes written bytes durable on this machine. On a file that was opened for reading and that
  /// nobody writes any more: uploads it, or waits for the upload that runs, and throws what
  /// flush() would.
  void sync(Handle& handle, std::stop_token stop);
  /// The last close. Never fails: nobody would hear of it.
  void release(std::unique_ptr<Handle> handle) noexcept;
  /// The mount ends while the file is open: what a program was writing is not taken for whole.
  void abandon(std::unique_ptr<Handle> handle) noexcept;
  /// Deletes the image, or forgets the file. EACCES (not ours), EPERM (protected, not allowed),
  /// EBUSY (in use), ENOENT (also: renamed or hidden elsewhere meanwhile), EROFS.
  void unlink(NodeId parent, std::string_view name, std::stop_token stop);
  /// Within a directory the image's name changes, between directories its visibility. `flags` as
  /// renameat2(2). An image that has the name is replaced if Config::replace says so. EEXIST,
  /// EACCES, EPERM, EBUSY, EINVAL, ENOENT, ENAMETOOLONG, EILSEQ, EROFS, and what flush() throws;
  /// never EXDEV, since mv would then copy. What it throws has changed nothing.
  void rename(NodeId from, std::string_view name, NodeId to, std::string_view new_name,
              unsigned flags, std::stop_token stop);
  /// `handle` may be null. EPERM (size of an image, foreign owner), EACCES, EROFS.
  Attributes change(NodeId node, const AttributeChange& change, Handle* handle,
                    std::stop_token stop);
  /// EPERM (read-only fields), EINVAL, EEXIST, ENODATA, ENOTSUP (not user.glance.*), ENOSPC, EROFS,
  /// EBUSY (being uploaded elsewhere). Setting the stores of an image returns when the copies are
  /// there, which may take hours.
  void set_xattr(NodeId node, std::string_view name, std::string_view value, XattrMode mode,
                 std::stop_token stop);
  void remove_xattr(NodeId node, std::string_view name, std::stop_token stop);

  /// Ends an upload, which keeps the file here until its upload is asked for, or a prefetch.
  /// ENODATA: nothing is on its way. EBUSY: programs read or write it. EPERM: Glance fetches it by
  /// itself, or it has arrived. Errors of the journal.
  void cancel_transfer(NodeId node, std::stop_token stop);

  /// The errno to answer for `reason`, after it has been logged and kept for user.glancefs.error
  /// of `node`. The one table from exceptions to errno is behind it (fs/failures.h).
  int explain(std::string_view operation, NodeId node, std::exception_ptr reason) noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace glancefs::fs
