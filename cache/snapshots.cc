#include "cache/snapshots.h"

#include <fcntl.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "base/log.h"

namespace glancefs::cache {
namespace {

using std::chrono::sys_seconds;

constexpr const char* kFile = "snapshots.sqlite";
constexpr const char* kLockFile = "snapshots.lock";
constexpr std::uint64_t kVersion = 1;
// A login and a catalogue of every cloud that somebody may still go back to.
constexpr std::uint64_t kMostSets = 32;
// How often a disk may be woken up for nothing but the time.
constexpr std::chrono::minutes kTimeInterval{5};

// `used` counts uses instead of telling the time: clocks are set back.
constexpr const char* kSchema = R"(
  CREATE TABLE sets (number INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE,
                     taken INTEGER NOT NULL, used INTEGER NOT NULL);
  CREATE TABLE rows (number INTEGER, key BLOB, sum INTEGER NOT NULL, value BLOB NOT NULL,
                     PRIMARY KEY (number, key)) WITHOUT ROWID;
  PRAGMA user_version = 1;
)";

// SQLite has no checksums of its own. With the set and the key in it, a row that strayed is not
// right either. 63 bits: what Statement reads is never negative.
std::uint64_t sum_of(std::string_view set, std::string_view key, std::string_view value) {
  const std::uint64_t of_set = XXH3_64bits(set.data(), set.size());
  const std::uint64_t of_key = XXH3_64bits_withSeed(key.data(), key.size(), of_set);
  return XXH3_64bits_withSeed(value.data(), value.size(), of_key) >> 1;
}

std::uint64_t number_of(sys_seconds time) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0));
}

constexpr const char* kPutRow = "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)";

void put_row(Statement& put, std::uint64_t number, const std::string& set, std::string_view key,
             std::string_view value) {
  put.bind(number, key, sum_of(set, key, value), value).step();
  put.reset();
}

}  // namespace

Snapshots::Snapshots(const std::string& directory) : directory_(PrivateDirectory::open(directory)) {
  const Lock lock(mutex_);
  lock_ = directory_.open_file(kLockFile, O_RDWR | O_CREAT);
  if (!try_lock(lock_, true)) throw_errno(EBUSY, "another process begins the snapshots anew");
  try {
    open();
  } catch (const DamagedDatabase& error) {
    log::warning("{}", error.what());
    renew();
  }
}

void Snapshots::open() {
  database_.emplace(database_path(directory_, kFile));
  Transaction transaction(*database_);
  Statement version(*database_, "PRAGMA user_version");
  version.step();
  const std::uint64_t found = version.number(0);
  if (found == 0) {
    database_->run(kSchema);  // fails as damaged when there are tables of somebody else
  } else if (found != kVersion) {
    throw DamagedDatabase("version " + std::to_string(found) + " of the snapshots is unknown");
  }
  transaction.commit();
}

// Everything in it can be had from the cloud again, so it is not set aside. Who has it open must
// not lose the files under it.
void Snapshots::renew() {
  database_.reset();
  if (!try_lock(lock_, false)) {
    lock_.reset();
    throw_errno(EIO, "the snapshots are damaged, and another process has them open");
  }
  for (const char* suffix : {"", "-wal", "-shm"}) directory_.remove(std::string(kFile) + suffix);
  try {
    open();
  } catch (const DamagedDatabase& error) {
    database_.reset();
    throw_errno(EIO, error.what());
  }
  try_lock(lock_, true);
}

Database& Snapshots::database() {
  if (!database_) throw_errno(EIO, "the snapshots were damaged");
  return *database_;
}

template <typename Action>
auto Snapshots::guarded(Action&& action) {
  try {
    return action();
  } catch (const DamagedDatabase& error) {
    log::warning("{}", error.what());
    renew();
    throw_errno(EIO, "the snapshots were damaged and have been begun anew");
  }
}

std::optional<Snapshots::Kept> Snapshots::find(const std::string& set) {
  Statement find(database(), "SELECT number, taken FROM sets WHERE name = ?");
  find.bind(set);
  if (!find.step()) return std::nullopt;
  return Kept{.number = find.number(0), .taken = sys_seconds(std::chrono::seconds(find.number(1)))};
}

// Makes the set or gives it a new time, and marks it used.
std::uint64_t Snapshots::enter(const std::string& set, sys_seconds taken) {
  Statement(database(),
            "INSERT INTO sets (name, taken, used) VALUES (?, ?, (SELECT coalesce(max(used), 0) + 1 "
            "FROM sets)) ON CONFLICT (name) DO UPDATE SET taken = excluded.taken, "
            "used = excluded.used")
      .bind(set, number_of(taken))
      .step();
  forget_oldest();
  const auto kept = find(set);
  if (!kept) throw DamagedDatabase("a set of the snapshots is not there after it was entered");
  return kept->number;
}

void Snapshots::forget_oldest() {
  constexpr const char* kOld =
      "(SELECT number FROM sets ORDER BY used DESC, number LIMIT -1 OFFSET ?)";
  Statement(database(), std::string("DELETE FROM rows WHERE number IN ") + kOld)
      .bind(kMostSets)
      .step();
  Statement(database(), std::string("DELETE FROM sets WHERE number IN ") + kOld)
      .bind(kMostSets)
      .step();
}

void Snapshots::remove_rows(std::uint64_t number, std::span<const std::string> keys) {
  Statement remove(database(), "DELETE FROM rows WHERE number = ? AND key = ?");
  for (const std::string& key : keys) {
    remove.bind(number, key).step();
    remove.reset();
  }
}

bool Snapshots::holds(std::uint64_t number, const std::string& set, const SnapshotRow& wanted) {
  Statement row(database(), "SELECT value, sum FROM rows WHERE number = ? AND key = ?");
  row.bind(number, wanted.key);
  return row.step() && row.text(0) == wanted.value &&
         row.number(1) == sum_of(set, wanted.key, wanted.value);
}

bool Snapshots::has(std::uint64_t number, const std::string& key) {
  Statement row(database(), "SELECT 1 FROM rows WHERE number = ? AND key = ?");
  row.bind(number, key);
  return row.step();
}

std::optional<sys_seconds> Snapshots::taken(const std::string& set) {
  const Lock lock(mutex_);
  return guarded([&]() REQUIRES(mutex_) -> std::optional<sys_seconds> {
    const auto kept = find(set);
    return kept ? std::optional(kept->taken) : std::nullopt;
  });
}

void Snapshots::load(const std::string& set,
                     const std::function<void(std::string_view, std::string_view)>& each) {
  const Lock lock(mutex_);
  guarded([&]() REQUIRES(mutex_) {
    const auto kept = find(set);
    if (!kept) return;
    std::uint64_t wrong = 0;
    Statement rows(database(), "SELECT key, value, sum FROM rows WHERE number = ? ORDER BY key");
    rows.bind(kept->number);
    while (rows.step()) {
      const std::string key = rows.text(0);
      const std::string value = rows.text(1);
      if (rows.number(2) == sum_of(set, key, value)) {
        each(key, value);
      } else {
        ++wrong;
      }
    }
    if (wrong > 0) log::warning("{} rows of the snapshots are damaged and left out", wrong);
  });
}

void Snapshots::use(const std::string& set) {
  const Lock lock(mutex_);
  guarded([&]() REQUIRES(mutex_) {
    Statement(database(), "UPDATE sets SET used = (SELECT max(used) + 1 FROM sets) WHERE name = ?")
        .bind(set)
        .step();
  });
}

void Snapshots::replace(const std::string& set, sys_seconds taken,
                        std::span<const std::string_view> keys,
                        const std::function<std::string(std::size_t)>& value) {
  const Lock lock(mutex_);
  guarded([&]() REQUIRES(mutex_) {
    Transaction transaction(database());
    const std::uint64_t number = enter(set, taken);
    const Difference difference = compare(number, set, keys, value);
    remove_rows(number, difference.gone);
    Statement put(database(), kPutRow);
    for (const std::size_t i : difference.put) put_row(put, number, set, keys[i], value(i));
    transaction.commit();
  });
}

// Both sides are sorted: one pass over them finds what differs.
Snapshots::Difference Snapshots::compare(std::uint64_t number, const std::string& set,
                                         std::span<const std::string_view> keys,
                                         const std::function<std::string(std::size_t)>& value) {
  Difference difference;
  std::size_t i = 0;
  Statement rows(database(), "SELECT key, value, sum FROM rows WHERE number = ? ORDER BY key");
  rows.bind(number);
  while (rows.step()) {
    std::string key = rows.text(0);
    for (; i < keys.size() && keys[i] < key; ++i) difference.put.push_back(i);
    if (i == keys.size() || keys[i] != key) {
      difference.gone.push_back(std::move(key));
      continue;
    }
    const std::string wanted = value(i);
    if (rows.text(1) != wanted || rows.number(2) != sum_of(set, key, wanted)) {
      difference.put.push_back(i);
    }
    ++i;
  }
  for (; i < keys.size(); ++i) difference.put.push_back(i);
  return difference;
}

bool Snapshots::update(const std::string& set, sys_seconds taken,
                       const std::vector<SnapshotRow>& put,
                       const std::vector<std::string>& removed) {
  const Lock lock(mutex_);
  return guarded([&]() REQUIRES(mutex_) {
    const auto kept = find(set);
    if (!kept) return false;
    std::vector<SnapshotRow> differ;
    for (const SnapshotRow& row : put) {
      if (!holds(kept->number, set, row)) differ.push_back(row);
    }
    std::vector<std::string> gone;
    for (const std::string& key : removed) {
      if (has(kept->number, key)) gone.push_back(key);
    }
    const bool recent = taken >= kept->taken && taken < kept->taken + kTimeInterval;
    if (differ.empty() && gone.empty() && recent) return true;
    Transaction transaction(database());
    if (!find(set)) return false;  // gone since it was looked for
    const std::uint64_t number = enter(set, taken);
    Statement write(database(), kPutRow);
    for (const auto& [key, value] : differ) put_row(write, number, set, key, value);
    remove_rows(number, gone);
    transaction.commit();
    return true;
  });
}

}  // namespace glancefs::cache
