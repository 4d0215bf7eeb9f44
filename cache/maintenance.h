// Looking after a cache on disk from outside, also while mounts use it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cache/disk_store.h"

namespace glancefs::cache {

class DiskRoom;

/// One object that is kept.
struct KeptObject {
  std::string name;  ///< of its files, relative to the directory
  /// Who uses it, see Key::source; several for proven bytes that are the same.
  std::vector<std::string> sources;
  std::uint64_t size = 0;   ///< bytes of the object
  std::uint64_t bytes = 0;  ///< of them kept, or reserved for it
  bool sealed = false;      ///< complete, proven and durable
  bool pinned = false;      ///< by one of its sources
};

/// What reading an object showed.
enum class Condition {
  kSound,
  kDamaged,  ///< a block or the whole is not what its checksum says; it has been dropped
  kInUse,    ///< it is being filled, so that nobody else may look into it
  kGone,     ///< evicted meanwhile
};

/// Opens the cache as a mount does and obeys the same locks. One thread at a time. Methods throw
/// system_error.
class Maintenance {
 public:
  /// Makes nothing: ENOENT when there is no cache in the directory. Otherwise as open_disk_store().
  explicit Maintenance(const DiskStoreConfig& config);
  ~Maintenance();
  Maintenance(const Maintenance&) = delete;
  Maintenance& operator=(const Maintenance&) = delete;

  /// All objects, the one used longest ago first.
  std::vector<KeptObject> objects() const;

  /// Reads all that is present of `name`, compares it block by block, and a sealed one also as a
  /// whole, and drops it when it is damaged. `progress` is told of the bytes it has read, every MiB
  /// or so; what it throws ends this.
  Condition verify(const std::string& name,
                   const std::function<void(std::uint64_t bytes)>& progress);

  /// Drops what `source` uses, and its pin. False: it is open in a mount; nothing was done. Also
  /// true when there was nothing.
  bool drop(const std::string& source);

  /// Gives up what was used longest ago until all is within the limits. False: what is left is open
  /// or pinned.
  bool collect();
  std::uint64_t evicted() const noexcept;  ///< bytes, by collect()
  std::uint64_t kept() const noexcept;     ///< bytes, in all

 private:
  const std::unique_ptr<DiskRoom> room_;
};

}  // namespace glancefs::cache
