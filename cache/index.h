// The list of all objects, shared by every process that has the cache open: how much is kept, who
// uses it, and what was used longest ago. Nothing is trusted by it: maps say what bytes are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cache/private_directory.h"
#include "cache/sqlite.h"

namespace glancefs::cache {

/// One row.
struct IndexRow {
  std::string name;         ///< see object_name.h
  std::uint64_t size = 0;   ///< of the object
  std::uint64_t bytes = 0;  ///< reserved for it: at least what is present
};

/// One thread at a time. Methods throw system_error, or DamagedDatabase.
class Index {
 public:
  /// Opens index.sqlite in `directory` and checks it. DamagedDatabase: also of another version.
  explicit Index(const PrivateDirectory& directory);

  /// Moves a damaged index out of the way, as index.sqlite.corrupt-<date>.
  static void set_aside(const PrivateDirectory& directory);

  /// Enters the object or changes its row, and marks it used now, by `source`.
  void use(const IndexRow& row, const std::string& source);
  /// The object has another name now.
  void rename(const std::string& from, const IndexRow& to, const std::string& source);
  void remove(const std::string& name);

  /// Reserves between `least` and `most` bytes for the object, as far as all rows together stay
  /// within `limit`; 0: there is no room. The object must have been entered.
  std::uint64_t reserve(const std::string& name, std::uint64_t least, std::uint64_t most,
                        std::uint64_t limit);
  void set_bytes(const std::string& name, std::uint64_t bytes);

  /// The object `source` uses; nullopt: none known.
  std::optional<std::string> name_of(const std::string& source);
  /// `source` uses no object any more. True: `name` is used by nobody else either.
  bool leave(const std::string& source, const std::string& name);

  /// What `source` uses is not to be evicted, until it is unpinned.
  void pin(const std::string& source, bool pinned);
  bool pinned(const std::string& source);

  /// Who uses which object: source and name, sorted by name.
  std::vector<std::pair<std::string, std::string>> sources();

  /// All objects, the one used longest ago first.
  std::vector<IndexRow> rows();
  /// The same without those that a pinned source uses.
  std::vector<IndexRow> evictable();
  std::uint64_t total_bytes();
  std::uint64_t count();

 private:
  static std::vector<IndexRow> rows_of(Statement& all);

  Database database_;
};

}  // namespace glancefs::cache
