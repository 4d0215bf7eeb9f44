#include "cache/index.h"

#include <fmt/chrono.h>

#include <chrono>

namespace glancefs::cache {
namespace {

constexpr const char* kFile = "index.sqlite";
constexpr std::uint64_t kVersion = 2;

// `used` counts uses instead of telling the time: clocks are set back.
constexpr const char* kSchema = R"(
  CREATE TABLE objects (name BLOB PRIMARY KEY, size INTEGER NOT NULL, bytes INTEGER NOT NULL,
                        used INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX objects_by_use ON objects (used);
  CREATE TABLE sources (source BLOB PRIMARY KEY, name BLOB NOT NULL) WITHOUT ROWID;
  CREATE INDEX sources_by_name ON sources (name);
  CREATE TABLE pins (source BLOB PRIMARY KEY) WITHOUT ROWID;
  PRAGMA user_version = 2;
)";

}  // namespace

Index::Index(const PrivateDirectory& directory) : database_(database_path(directory, kFile)) {
  Transaction transaction(database_);
  Statement version(database_, "PRAGMA user_version");
  version.step();
  const std::uint64_t found = version.number(0);
  if (found == 0) {
    database_.run(kSchema);  // fails as damaged when there are tables of somebody else
  } else if (found != kVersion) {
    throw DamagedDatabase("version " + std::to_string(found) + " is unknown");
  }
  transaction.commit();
  database_.check();
  evictable();  // names every column: the tables are ours
}

void Index::set_aside(const PrivateDirectory& directory) {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  const std::string aside = fmt::format("{}.corrupt-{:%Y%m%dT%H%M%SZ}", kFile, fmt::gmtime(now));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    if (directory.exists(std::string(kFile) + suffix)) {
      directory.rename(std::string(kFile) + suffix, aside + suffix);
    }
  }
}

void Index::use(const IndexRow& row, const std::string& source) {
  Transaction transaction(database_);
  Statement(
      database_,
      "INSERT INTO objects VALUES (?1, ?2, ?3, (SELECT coalesce(max(used), 0) + 1 FROM "
      "objects)) ON CONFLICT (name) DO UPDATE SET size = excluded.size, bytes = excluded.bytes, "
      "used = excluded.used")
      .bind(row.name, row.size, row.bytes)
      .step();
  Statement(database_, "INSERT OR REPLACE INTO sources VALUES (?, ?)")
      .bind(source, row.name)
      .step();
  transaction.commit();
}

void Index::rename(const std::string& from, const IndexRow& to, const std::string& source) {
  Transaction transaction(database_);
  Statement(database_, "DELETE FROM objects WHERE name IN (?, ?)").bind(from, to.name).step();
  Statement(
      database_,
      "INSERT INTO objects VALUES (?, ?, ?, (SELECT coalesce(max(used), 0) + 1 FROM objects))")
      .bind(to.name, to.size, to.bytes)
      .step();
  Statement(database_, "INSERT OR REPLACE INTO sources VALUES (?, ?)").bind(source, to.name).step();
  transaction.commit();
}

void Index::remove(const std::string& name) {
  Transaction transaction(database_);
  Statement(database_, "DELETE FROM objects WHERE name = ?").bind(name).step();
  Statement(database_, "DELETE FROM sources WHERE name = ?").bind(name).step();
  transaction.commit();
}

std::uint64_t Index::reserve(const std::string& name, std::uint64_t least, std::uint64_t most,
                             std::uint64_t limit) {
  Transaction transaction(database_);
  const std::uint64_t total = total_bytes();
  if (total > limit || limit - total < least) return 0;
  const std::uint64_t granted = std::min(most, limit - total);
  Statement(database_, "UPDATE objects SET bytes = bytes + ? WHERE name = ?")
      .bind(granted, name)
      .step();
  if (database_.changes() == 0) return 0;  // another process has rebuilt the index meanwhile
  transaction.commit();
  return granted;
}

void Index::set_bytes(const std::string& name, std::uint64_t bytes) {
  Statement(database_, "UPDATE objects SET bytes = ? WHERE name = ?").bind(bytes, name).step();
}

std::optional<std::string> Index::name_of(const std::string& source) {
  Statement find(database_, "SELECT name FROM sources WHERE source = ?");
  find.bind(source);
  if (!find.step()) return std::nullopt;
  return find.text(0);
}

bool Index::leave(const std::string& source, const std::string& name) {
  Transaction transaction(database_);
  Statement(database_, "DELETE FROM sources WHERE source = ?").bind(source).step();
  Statement others(database_, "SELECT 1 FROM sources WHERE name = ? LIMIT 1");
  others.bind(name);
  const bool alone = !others.step();
  transaction.commit();
  return alone;
}

void Index::pin(const std::string& source, bool pinned) {
  Statement(database_,
            pinned ? "INSERT OR IGNORE INTO pins VALUES (?)" : "DELETE FROM pins WHERE source = ?")
      .bind(source)
      .step();
}

bool Index::pinned(const std::string& source) {
  Statement find(database_, "SELECT 1 FROM pins WHERE source = ?");
  find.bind(source);
  return find.step();
}

std::vector<std::pair<std::string, std::string>> Index::sources() {
  Statement all(database_, "SELECT source, name FROM sources ORDER BY name, source");
  std::vector<std::pair<std::string, std::string>> sources;
  while (all.step()) sources.emplace_back(all.text(0), all.text(1));
  return sources;
}

std::vector<IndexRow> Index::rows() {
  Statement all(database_, "SELECT name, size, bytes FROM objects ORDER BY used, name");
  return rows_of(all);
}

std::vector<IndexRow> Index::evictable() {
  Statement all(database_,
                "SELECT name, size, bytes FROM objects WHERE name NOT IN (SELECT sources.name FROM "
                "sources JOIN pins ON pins.source = sources.source) ORDER BY used, name");
  return rows_of(all);
}

std::vector<IndexRow> Index::rows_of(Statement& all) {
  std::vector<IndexRow> rows;
  while (all.step()) {
    rows.push_back({.name = all.text(0), .size = all.number(1), .bytes = all.number(2)});
  }
  return rows;
}

std::uint64_t Index::total_bytes() {
  Statement sum(database_, "SELECT coalesce(sum(bytes), 0) FROM objects");
  sum.step();
  return sum.number(0);
}

std::uint64_t Index::count() {
  Statement count(database_, "SELECT count(*) FROM objects");
  count.step();
  return count.number(0);
}

}  // namespace glancefs::cache
