// An object whose bytes lie complete in somebody else's file.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "base/mutex.h"
#include "cache/store.h"

namespace glancefs::cache {

/// Which foreign files have been proven, so that opening one again does not mean hashing it again.
/// Thread-safe.
class ProvenFiles {
 public:
  /// A file as it was: another one, or the same one written to, is another key.
  using Identity = std::tuple<dev_t, ino_t, std::uint64_t, std::int64_t, std::int64_t>;
  static Identity identity(const Fd& file);

  /// True: proven to be `key.content`; false: proven to be something else; nullopt: not known.
  std::optional<bool> find(const Identity& file, const Key& key) const;
  void set(const Identity& file, const Key& key, bool right);

 private:
  mutable Mutex mutex_;
  std::map<Identity, std::pair<Digest, bool>> files_ GUARDED_BY(mutex_);
};

/// An Entry over `file`, which holds the object whole, is only read, and may be removed by its
/// owner while it is open. It is not part of a store: nothing is kept or evicted. Once its hash
/// turns out to be another, or it gets shorter, all its blocks are missing, so that whoever reads
/// fetches them elsewhere. null: it has not the size of `key`, is no regular file, is known to be
/// something else, or `key` has no content to prove it by.
EntryPtr open_foreign_file(Key key, Fd file, std::shared_ptr<ProvenFiles> proven);

}  // namespace glancefs::cache
