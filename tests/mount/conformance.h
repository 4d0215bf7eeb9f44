// What POSIX and Linux promise of any directory, as a table of calls with the errno each must have:
// run in an ordinary directory, which proves the table, and in the mount, by root and by a user
// whose directory it is not. Where the mount differs the row says why.
#pragma once

#include <cerrno>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/fd.h"

namespace glancefs::mount_test {

/// Where the calls are made.
struct Place {
  std::string directory;  ///< root's, mode 0755
  std::string scratch;    ///< an ordinary directory that everybody may write
  bool mounted = false;

  /// A file of root's with mode 0644 and the bytes kContent.
  std::string image() const { return directory + "/image"; }
  /// No such file before the row.
  std::string fresh() const { return directory + "/fresh"; }
};

/// What is in Place::image(): more than a page.
inline std::string content() {
  std::string text;
  for (int i = 0; text.size() < 100'000; ++i) text += std::to_string(i) + ".";
  return text;
}
/// How many files f00, f01 … are in the directory.
inline constexpr int kOthers = 40;

struct Row {
  std::string name;
  /// Answers an errno, 0: success. Throws Wrong when success was none.
  std::function<int(const Place&)> act;
  int by_root = 0, by_user = 0;
  /// In the mount; -1: as everywhere. `because` is for readers.
  int mounted_by_root = -1, mounted_by_user = -1;
  std::string because = {};

  Row& in_mount(int root, int user, std::string why) {
    mounted_by_root = root;
    mounted_by_user = user;
    because = std::move(why);
    return *this;
  }
};

/// A call succeeded and did something else than it should.
class Wrong : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void require(bool holds, const std::string& what) {
  if (!holds) throw Wrong(what);
}

/// The errno of a call that answers -1 for failure.
inline int error_of(long result) { return result < 0 ? errno : 0; }

/// open(2), for calls on descriptors; `error` is 0 or the errno.
struct OpenedFile {
  OpenedFile(const std::string& path, int flags, unsigned mode = 0644);
  int error = 0;
  Fd fd;
  int get() const { return fd.get(); }
};

std::vector<Row> path_rows();
std::vector<Row> file_rows();
std::vector<Row> directory_rows();

}  // namespace glancefs::mount_test
