// What a directory holds, in an order that the kernel can come back to.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "fs/filesystem.h"

namespace glancefs::fs {

/// A directory's entries in the order of their nodes. An entry's offset derives from its node, so
/// it means the same place in another listing of the directory: a program that is half-way through
/// goes on there, whatever has come or gone. Immutable.
class Listing {
 public:
  struct Record {
    DirectoryEntry entry;
    std::uint64_t offset = 0;  ///< above 2, which "." and ".." have; each greater than the last
  };
  using Place = std::vector<Record>::const_iterator;

  /// `changed`: when the directory last had, by then; nullopt: nobody keeps count.
  Listing(std::vector<DirectoryEntry> entries, std::optional<FileTime> changed);
  std::optional<FileTime> changed() const noexcept { return changed_; }
  /// The first record behind `offset`.
  Place after(std::uint64_t offset) const noexcept;
  Place end() const noexcept { return records_.end(); }

 private:
  std::vector<Record> records_;
  std::optional<FileTime> changed_;
};

/// The listings in use: whoever reads a directory in the same state shares one. Thread-safe.
class Listings {
 public:
  /// The present listing. Throws what Filesystem::list() throws.
  std::shared_ptr<const Listing> take(const Filesystem& files, NodeId directory);

  /// The kernel may keep what it got of a directory, from its start or from further on: names
  /// alone, or names it need not look up.
  void given(NodeId directory, bool from_start, bool names_only);
  /// The kernel looks all names up again.
  void names_forgotten() noexcept;
  /// The kernel looks a name of the directory up. True, once after given() names only: reading what
  /// it has kept costs it such a question for each name, so it had better read anew, with
  /// attributes.
  bool asks_one_by_one(NodeId directory) noexcept;

 private:
  Mutex mutex_;
  std::unordered_map<NodeId, std::weak_ptr<const Listing>> shared_ GUARDED_BY(mutex_);
  std::unordered_map<NodeId, bool> names_only_ GUARDED_BY(mutex_);  ///< of what is kept
  std::atomic<bool> some_names_only_{false};  ///< so that most look-ups need no lock
};

}  // namespace glancefs::fs
