// Image bytes on local disk, block by block: the interface. disk_store.h keeps them across
// restarts, memory_store.h is the bounded one in memory, used where no disk can be and as the
// tests' fake; both pass tests/contract/store_contract.h. The format on disk is
// doc/CACHE_FORMAT.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>

#include "base/fd.h"
#include "cache/digest.h"

namespace glancefs::cache {

/// Bytes per block: presence and checksum are kept per block. 64 KiB is what a random read over a
/// 20 ms link costs no more than 4 KiB, and 8 bytes of map per block are then 1/8192.
inline constexpr std::uint64_t kBlockSize = 65536;

/// Part of an object, in bytes.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool operator==(const Extent&) const = default;
};

/// Names an object's bytes.
struct Key {
  /// Who promises the bytes, e.g. "<endpoint>/<image id>": at most 500 bytes, never interpreted.
  /// While incomplete an object belongs to its source alone: unproven bytes are never shared.
  std::string source;
  std::uint64_t size = 0;  ///< bytes
  /// What the bytes hash to, if the source says. Once proven, and if the algorithm is collision
  /// resistant, every key with the same content shares one file.
  std::optional<Digest> content;
};

enum class Seal {
  kSealed,      ///< proven (or there was nothing to compare with) and durable
  kMismatch,    ///< the bytes are not what the source said; all blocks have been dropped
  kIncomplete,  ///< blocks are missing (one may have been found damaged), or it was stopped
  kFailed,      ///< the disk would not make it durable; the blocks still serve
};

/// One object's bytes. Thread-safe. Holding it keeps it from being evicted. No method throws for a
/// fault of the disk: what cannot be read is missing, what cannot be written is not kept.
class Entry {
 public:
  virtual ~Entry() = default;
  virtual const Key& key() const noexcept = 0;

  /// The first run of absent blocks among those that [offset, offset+length) touches: begins and
  /// ends on block boundaries (or at the object's end). nullopt: all present. REQUIRES length > 0
  /// and the range within the object.
  virtual std::optional<Extent> missing(std::uint64_t offset, std::uint64_t length) const = 0;

  /// Copies bytes from `offset` on into `into` as far as blocks are present and right, and returns
  /// how many; 0 when the first block is not. Every block is compared with its checksum; one that
  /// differs becomes missing.
  virtual std::size_t read(std::uint64_t offset, std::span<std::byte> into) = 0;

  /// Keeps whole blocks: `offset` is on a block boundary, and `bytes` ends on one or at the
  /// object's end. False: not kept (no room, disk full or broken). Blocks already present stay as
  /// they are.
  virtual bool write(std::uint64_t offset, std::span<const std::byte> bytes) = 0;

  /// Bytes in blocks that are present.
  virtual std::uint64_t present() const noexcept = 0;
  bool complete() const noexcept { return present() == key().size; }

  /// Gets on with what seal() will need, as far as blocks are present from the beginning on: for a
  /// thread that has nothing better to do while the rest comes. Returns when there is nothing to
  /// do, or after `stop`. Need not do anything.
  virtual void prepare_seal(const std::stop_token& stop) = 0;

  /// Proves a complete object by its hash, makes it durable and marks it so. Takes as long as
  /// reading it, unless `stop` is requested; other methods go on meanwhile. Concurrent calls wait
  /// for one another. `proven` (may be empty) is called in between: the bytes are right, and not
  /// yet durable.
  virtual Seal seal(std::stop_token stop, const std::function<void()>& proven) = 0;
  Seal seal(std::stop_token stop = {}) { return seal(std::move(stop), {}); }
  virtual bool sealed() const noexcept = 0;

  /// The file with all the bytes, for the kernel to read by itself; null unless sealed, or when the
  /// store has no files.
  virtual std::shared_ptr<const Fd> file() const = 0;
};

using EntryPtr = std::shared_ptr<Entry>;

/// What a store holds.
struct Usage {
  std::uint64_t bytes = 0;    ///< kept
  std::uint64_t limit = 0;    ///< at most
  std::uint64_t objects = 0;  ///< complete or not
  std::uint64_t hits = 0;     ///< bytes read from it since it was opened
  std::uint64_t evicted = 0;  ///< bytes given up for room since it was opened
};

/// Keeps objects within a limit, the ones used longest ago going first. Thread-safe.
class Store {
 public:
  virtual ~Store() = default;

  /// The object, empty if it was not known. The same object for the same key while somebody holds
  /// it. A kept one of the same source but another size or content is dropped first.
  /// Throws system_error when the disk does not let it be used; EBUSY: another process is filling
  /// it. The caller then goes without.
  virtual EntryPtr open(const Key& key) = 0;

  /// Makes the complete file at `path` (on the same file system, written and synced by the caller,
  /// its hash known to be `key.content`) the sealed object for `key`: takes the file over by
  /// renaming it. Takes as long as reading it. False: it could not, or `stop` was requested; the
  /// file is untouched.
  virtual bool adopt(const Key& key, const std::string& path, std::stop_token stop) = 0;
  bool adopt(const Key& key, const std::string& path) { return adopt(key, path, {}); }

  /// Forgets the object of `source`, if it is not shared with others, and its pin. Whoever holds it
  /// keeps it.
  virtual void drop(const std::string& source) = 0;

  /// While pinned, what is kept for `source` is not given up for the room of others. Survives a
  /// restart, as objects do. False: the store could not note it.
  virtual bool pin(const std::string& source, bool pinned) = 0;
  virtual bool pinned(const std::string& source) const = 0;

  virtual Usage usage() const = 0;
};

}  // namespace glancefs::cache
