// A directory of ours that nobody else can write, and all access to the files in it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace glancefs::cache {

/// An open directory that belongs to this user. Every name is relative to its descriptor ("a/b" is
/// allowed, names are made from hashes and UUIDs only); links are never followed. Thread-safe:
/// constant after construction. Methods throw system_error with the full path in the text.
class PrivateDirectory {
 public:
  /// Opens `path`; what is missing of it is made with mode 0700. EACCES: not a directory of ours, a
  /// symbolic link, or writable by others; the text says which, and what to do.
  static PrivateDirectory open(const std::string& path);

  /// Opens a regular file of ours. An empty Fd: there is none (and `flags` has no O_CREAT).
  /// A new one has mode 0600. EACCES: a link, not regular or not ours.
  Fd open_file(const std::string& name, int flags) const;
  bool exists(const std::string& name) const;
  /// Bytes of disk that a file takes; 0 when there is none.
  std::uint64_t allocated(const std::string& name) const noexcept;
  /// Whether `name` still is the file that `fd` has open.
  bool is_same(const std::string& name, const Fd& fd) const;
  /// Makes a directory (0700) if absent.
  void make_directory(const std::string& name) const;
  void rename(const std::string& from, const std::string& to) const;
  /// Removes a file; one that is not there is no error. False: it could not be removed.
  bool remove(const std::string& name) const noexcept;
  /// Names in the directory `name` ("." for this one itself), without . and ..; none if absent.
  std::vector<std::string> list(const std::string& name) const;
  /// Makes entries made, renamed or removed in the directory `name` durable.
  void sync(const std::string& name) const;

  /// The device it is on. Throws system_error.
  std::uint64_t device() const;

  const std::string& path() const noexcept { return path_; }
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }
  const Fd& fd() const noexcept { return fd_; }

 private:
  PrivateDirectory(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  Fd fd_;
};

/// Takes flock(LOCK_EX) or, `shared`, LOCK_SH on `fd` without waiting. False: another open file
/// holds it. Throws system_error when the file system has no locks.
bool try_lock(const Fd& fd, bool shared);

}  // namespace glancefs::cache
