#include "cache/sqlite.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <filesystem>

#include "base/fd.h"
#include "cache/disk_store.h"

namespace glancefs::cache {
namespace {

// Longer than any transaction of ours, short enough for a reader to go on without the cache.
constexpr int kBusyTimeoutMs = 2000;

int errno_of(int code) {
  switch (code & 0xFF) {  // the primary code, without the details above it
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return EBUSY;
    case SQLITE_FULL:
      return ENOSPC;
    case SQLITE_READONLY:
      return EROFS;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return EACCES;
    case SQLITE_NOMEM:
      return ENOMEM;
    default:
      return EIO;
  }
}

}  // namespace

std::string database_library() { return std::string("SQLite ") + ::sqlite3_libversion(); }

std::string database_path(const PrivateDirectory& directory, const std::string& name) {
  // SQLite would make it with mode 0644.
  directory.open_file(name, O_RDWR | O_CREAT);
  const auto link = "/proc/self/fd/" + std::to_string(directory.fd().get());
  std::error_code error;
  const auto path = std::filesystem::read_symlink(link, error);
  if (error) return directory.path_of(name);  // no /proc here
  return (path / name).string();
}

void Database::Close::operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }

Database::Database(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW, nullptr);
  handle_.reset(raw);
  if (code != SQLITE_OK) fail(code, "open " + path);
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  run("PRAGMA trusted_schema = OFF");
  run("PRAGMA cell_size_check = ON");
  use_wal();
  run("PRAGMA synchronous = NORMAL");
}

// The busy timeout does not hold for this one statement: of several processes that open a new
// database at once all but one are told that it is locked.
void Database::use_wal() const {
  constexpr const char* kSql = "PRAGMA journal_mode = WAL";
  constexpr int kPauseMs = 5;
  int code = SQLITE_BUSY;
  for (int waited = 0; code == SQLITE_BUSY && waited < kBusyTimeoutMs; waited += kPauseMs) {
    if (waited > 0) sqlite3_sleep(kPauseMs);
    code = sqlite3_exec(handle(), kSql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) code &= 0xff;  // the primary code
  }
  if (code != SQLITE_OK) fail(code, kSql);
}

void Database::run(const char* sql) const {
  const int code = sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code, sql);
}

std::int64_t Database::changes() const noexcept { return sqlite3_changes64(handle()); }

void Database::check() {
  Statement check(*this, "PRAGMA quick_check(1)");
  if (!check.step() || check.text(0) != "ok") throw DamagedDatabase("quick_check found damage");
}

void Database::fail(int code, std::string_view doing) const {
  const std::string text = fmt::format(
      "SQLite: {}: {}", doing, handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code));
  const int primary = code & 0xFF;
  // SQLITE_ERROR: the statements are ours and right, so the tables are not.
  if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR) {
    throw DamagedDatabase(text);
  }
  throw_errno(errno_of(code), text);
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                      &raw, nullptr);
  statement_.reset(raw);
  if (code != SQLITE_OK) database.fail(code, sql);
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  database_.fail(code, sqlite3_sql(statement_.get()));
}

void Statement::reset() noexcept { sqlite3_reset(statement_.get()); }

std::uint64_t Statement::number(int column) const {
  const auto value = sqlite3_column_int64(statement_.get(), column);
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);  // nothing we store is negative
}

std::string Statement::text(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const auto length = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), length);
}

void Statement::bind_one(int index, std::uint64_t number) {
  const int code = sqlite3_bind_int64(statement_.get(), index, static_cast<sqlite3_int64>(number));
  if (code != SQLITE_OK) database_.fail(code, "bind");
}

void Statement::bind_one(int index, std::string_view text) {
  const int code =
      sqlite3_bind_blob64(statement_.get(), index, text.data(), text.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) database_.fail(code, "bind");
}

Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace glancefs::cache
