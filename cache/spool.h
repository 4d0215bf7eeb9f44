// Where the bytes of an upload wait, with a journal: what close() has not yet brought to Glance
// survives kill -9 and power loss. Lives in the state directory, never in the disposable cache.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace glancefs::cache {

/// How far an upload has come. The order is the order of life; each step is durable before what it
/// announces is begun.
enum class SpoolState {
  kWriting,    ///< a program is writing: what is there may be half of it; the server knows nothing
  kWaiting,    ///< whole, durable; waits for its upload
  kUploading,  ///< a create has been or is about to be sent under `image_id`
  kFailed,     ///< the server said no, see `error`; bytes kept
  kArrived,    ///< whole at the server: never to be sent again; kept while it may be written
};

/// Differs after every write and truncation, whoever does it: also the kernel, on file(). A value.
struct SpoolVersion {
  std::uint64_t size = 0;     ///< bytes
  std::int64_t modified = 0;  ///< nanoseconds since 1970, as the file system counts them
  bool operator==(const SpoolVersion&) const = default;
};

/// What the journal says of one spool file. A value.
struct SpoolRecord {
  std::string id;               ///< of this record: a UUID; also the data file's name
  std::string cloud;            ///< which mount it belongs to: endpoint and project
  std::string image_id;         ///< the image's own UUID, chosen before the create
  bool found = false;           ///< the image was there without data; somebody else had made it
  std::string directory, name;  ///< where the program put it: "private", "a.img"
  std::string replaces;         ///< UUID of the image whose place it is to take; empty: none
  /// What was set on the file meanwhile, in the caller's terms; order kept.
  std::vector<std::pair<std::string, std::string>> properties;
  SpoolState state = SpoolState::kWriting;
  SpoolVersion sent{};                              ///< of the data, once they have arrived
  std::string error;                                ///< one line, for people
  std::chrono::system_clock::time_point changed{};  ///< set by the journal
  bool operator==(const SpoolRecord&) const = default;
};

/// One file being written: any offset, any order. Thread-safe. Its record is locked against other
/// processes while it is held. Destroying it leaves file and record for a later recover();
/// discard() is what ends them.
class Spool {
 public:
  virtual ~Spool() = default;

  /// A copy of the record as last written.
  virtual SpoolRecord record() const = 0;
  /// Writes the record durably (id and cloud stay). Throws system_error.
  virtual void update(const SpoolRecord& record) = 0;

  /// Writes all bytes, growing the file. ENOSPC when the spool's limit or the disk is full, EFBIG
  /// past 2^63-1; then nothing of it counts.
  virtual void write(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  /// Up to into.size() bytes from `offset`; fewer only at the end. Holes read as zeros.
  virtual std::size_t read(std::uint64_t offset, std::span<std::byte> into) const = 0;
  virtual void truncate(std::uint64_t size) = 0;
  /// Takes disk for a part of the file, or gives it back. `mode` as fallocate(2): 0, KEEP_SIZE,
  /// PUNCH_HOLE with KEEP_SIZE, ZERO_RANGE with or without it; EOPNOTSUPP any other, and what the
  /// file system cannot do. ENOSPC, EFBIG as write(); the size is then as before.
  virtual void allocate(int mode, std::uint64_t offset, std::uint64_t length) = 0;
  /// Where the first data (or the first hole, of which there is one at the end) at or after
  /// `offset` begins; nullopt: there is none, or `offset` is not before the end.
  virtual std::optional<std::uint64_t> next_data(std::uint64_t offset) const = 0;
  virtual std::optional<std::uint64_t> next_hole(std::uint64_t offset) const = 0;
  virtual std::uint64_t size() const = 0;
  /// Whether any of it is more than a hole: written, if only with zeros.
  virtual bool has_data() const = 0;
  /// Makes the bytes written so far durable.
  virtual void sync() = 0;
  virtual SpoolVersion version() const = 0;
  /// The data file, for cache::Store::adopt().
  virtual std::string path() const = 0;
  /// The data file, for the kernel to read and write by itself; null where the bytes of all spool
  /// files are limited, which the kernel would not heed.
  virtual std::shared_ptr<const Fd> file() const = 0;
  /// Whether its disk is so full that a write may have failed.
  virtual bool disk_is_full() const = 0;
  /// Removes record and data, unless the data file has been adopted. Never throws.
  virtual void discard() noexcept = 0;
};

/// The directory of all spool files. Thread-safe; several processes of one user may use it.
class Spools {
 public:
  virtual ~Spools() = default;
  /// Begins a new spool with a durable record. Fields id and changed are chosen here.
  virtual std::unique_ptr<Spool> create(SpoolRecord record) = 0;
  /// Everything earlier processes left for `cloud` and nobody holds now.
  virtual std::vector<std::unique_ptr<Spool>> recover(const std::string& cloud) = 0;
};

/// Opens `directory` (made if absent, 0700). `limit`: bytes of all spool files together at most;
/// 0: what the disk holds. Throws system_error with a text that names the directory.
std::unique_ptr<Spools> open_spools(const std::string& directory, std::uint64_t limit);

}  // namespace glancefs::cache
