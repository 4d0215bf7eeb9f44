// SQLite with owners: a connection, a statement, a transaction. Errors are system_error.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "cache/private_directory.h"

namespace glancefs::cache {

/// The file is no database, a damaged one, or one of another program or version.
struct DamagedDatabase : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The path by which SQLite is to open the file `name` in `directory`, which is made if it is not
/// there: with mode 0600, which its companions (-wal, -shm) take from it. There are no links in it.
std::string database_path(const PrivateDirectory& directory, const std::string& name);

/// One connection. One thread at a time.
class Database {
 public:
  /// Opens or makes the file at `path` (no part of it may be a link), in WAL mode with the
  /// defences against hostile schemas on. Throws DamagedDatabase or system_error.
  explicit Database(const std::string& path);

  /// Runs statements that return nothing.
  void run(const char* sql) const;
  /// Rows changed by the last statement.
  std::int64_t changes() const noexcept;
  /// Looks at every page. Throws DamagedDatabase.
  void check();

  sqlite3* handle() const noexcept { return handle_.get(); }
  /// Throws for `code`: DamagedDatabase, or system_error with EBUSY, ENOSPC, EROFS, EACCES,
  /// ENOMEM or EIO.
  [[noreturn]] void fail(int code, std::string_view doing) const;

 private:
  void use_wal() const;
  struct Close {
    void operator()(sqlite3* handle) const noexcept;
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

/// One prepared statement. Strings are bound and read as blobs: any byte survives.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  /// Values for the question marks, in order. Strings must live until the last step().
  template <typename... Values>
  Statement& bind(const Values&... values) {
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }
  /// True: there is a row. Throws as Database::fail().
  bool step();
  /// Begins again, for other values.
  void reset() noexcept;
  std::uint64_t number(int column) const;
  std::string text(int column) const;

 private:
  void bind_one(int index, std::uint64_t number);
  void bind_one(int index, std::string_view text);
  void bind_one(int index, const std::string& text) { bind_one(index, std::string_view(text)); }
  void bind_one(int index, bool flag) { bind_one(index, std::uint64_t{flag}); }

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A write transaction: taken at once, so that it cannot fail half-way for another writer. Undone
/// unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) {
    database.run("BEGIN IMMEDIATE");
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace glancefs::cache
