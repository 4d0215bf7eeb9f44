// Opening, publishing and taking back the two files of an object, under their locks.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "cache/block_file.h"
#include "cache/private_directory.h"
#include "cache/store.h"

namespace glancefs::cache {

using BlockFilePtr = std::shared_ptr<BlockFile>;

/// The largest object that is kept, 16 TiB: what ext4 holds in one file, and a bound on the memory
/// that a size claimed by a stranger can take (64 MiB).
inline constexpr std::uint64_t kLargestObject = 1ULL << 44U;

/// A sealed object for `key`, locked shared and opened for reading only; null: there is none, or
/// it is of no use. One that cannot be right (not whole, another size than its map says) is removed
/// if nobody else has it open. Throws system_error.
BlockFilePtr open_sealed(const PrivateDirectory& files, const Key& key);

/// The unproven object of `key.source`, locked for this open file alone; made if absent, emptied if
/// it was of another size or content. Throws system_error; EBUSY: somebody else has it open.
BlockFilePtr open_partial(const PrivateDirectory& files, const Key& key);

/// Makes a complete and proven `object`, the partial one of `key`, durable, and gives it its sealed
/// name. It stays locked for its holder alone. Throws system_error; the object is then still the
/// partial one, unless the disk failed to make the new name durable.
void publish(const PrivateDirectory& files, const Key& key, const BlockFile& object);

/// Makes a damaged sealed object, opened by nobody else, the partial one of `key.source` again.
/// null: others have it open too. Throws system_error.
BlockFilePtr take_back(const PrivateDirectory& files, const Key& key, const BlockFile& object);

/// Lets others lock the object, though its files stay open here.
void unlock(const BlockFile& object) noexcept;

/// Puts the complete file at `path` in the place of the data of `object`, the partial one of `key`,
/// with the checksums of its blocks, and opens the result. Throws system_error, EXDEV when it is on
/// another file system, ECANCELED after `stop`; the file is then untouched and `object` empty.
BlockFilePtr replace_data(const PrivateDirectory& files, const Key& key, BlockFile& object,
                          const std::string& path, const std::stop_token& stop);

}  // namespace glancefs::cache
