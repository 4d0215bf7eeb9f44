#include "cache/private_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>

namespace glancefs::cache {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr std::uint64_t kStatBlock = 512;  // the unit of st_blocks

void make_with_parents(const std::string& path) {
  std::filesystem::path made;
  for (const auto& part : std::filesystem::path(path)) {
    made /= part;
    if (::mkdir(made.c_str(), kDirectoryMode) == 0 || errno == EEXIST) continue;
    const int error = errno;
    // A parent on a read-only file system or without our right to write is fine if it is there.
    if (std::error_code ignored; std::filesystem::is_directory(made, ignored)) continue;
    throw_errno(error, "cannot make directory " + made.string());
  }
}

void check_owner(const std::string& path, const struct stat& status) {
  if (status.st_uid != ::geteuid()) {
    throw_errno(EACCES, path + " belongs to another user (uid " + std::to_string(status.st_uid) +
                            "); choose a directory of your own");
  }
}

}  // namespace

PrivateDirectory PrivateDirectory::open(const std::string& path) {
  make_with_parents(path);
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    const int error = errno;
    if (error == ELOOP || error == ENOTDIR) {
      throw_errno(EACCES, path + " is a symbolic link or not a directory");
    }
    throw_errno(error, "cannot open directory " + path);
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw_errno(errno, "cannot examine " + path);
  check_owner(path, status);
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    throw_errno(EACCES, path + " is writable by other users; run: chmod go-w '" + path + "'");
  }
  return {std::filesystem::absolute(path).lexically_normal().string(), std::move(fd)};
}

Fd PrivateDirectory::open_file(const std::string& name, int flags) const {
  Fd fd(::openat(fd_.get(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, kFileMode));
  if (!fd) {
    const int error = errno;
    if (error == ENOENT && (flags & O_CREAT) == 0) return {};
    if (error == ELOOP) throw_errno(EACCES, path_of(name) + " is a symbolic link");
    throw_errno(error, "cannot open " + path_of(name));
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw_errno(errno, "cannot examine " + path_of(name));
  if (!S_ISREG(status.st_mode)) throw_errno(EACCES, path_of(name) + " is not a regular file");
  check_owner(path_of(name), status);
  return fd;
}

bool PrivateDirectory::exists(const std::string& name) const {
  struct stat status {};
  return ::fstatat(fd_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

std::uint64_t PrivateDirectory::allocated(const std::string& name) const noexcept {
  struct stat status {};
  if (::fstatat(fd_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return 0;
  return static_cast<std::uint64_t>(status.st_blocks) * kStatBlock;
}

std::uint64_t PrivateDirectory::device() const {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) throw_errno(errno, "cannot examine " + path_);
  return status.st_dev;
}

bool PrivateDirectory::is_same(const std::string& name, const Fd& fd) const {
  struct stat named {};
  struct stat opened {};
  return ::fstatat(fd_.get(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         ::fstat(fd.get(), &opened) == 0 && named.st_dev == opened.st_dev &&
         named.st_ino == opened.st_ino;
}

void PrivateDirectory::make_directory(const std::string& name) const {
  if (::mkdirat(fd_.get(), name.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
    throw_errno(errno, "cannot make directory " + path_of(name));
  }
}

void PrivateDirectory::rename(const std::string& from, const std::string& to) const {
  if (::renameat(fd_.get(), from.c_str(), fd_.get(), to.c_str()) != 0) {
    throw_errno(errno, "cannot rename " + path_of(from) + " to " + to);
  }
}

bool PrivateDirectory::remove(const std::string& name) const noexcept {
  return ::unlinkat(fd_.get(), name.c_str(), 0) == 0 || errno == ENOENT;
}

std::vector<std::string> PrivateDirectory::list(const std::string& name) const {
  Fd fd(::openat(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno == ENOENT) return {};
  if (!fd) throw_errno(errno, "cannot open directory " + path_of(name));
  struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
  };
  const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(fd.get()));
  if (!directory) throw_errno(errno, "cannot read directory " + path_of(name));
  fd.release();  // the DIR closes it
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string found = static_cast<const char*>(entry->d_name);
    if (found != "." && found != "..") names.push_back(found);
    errno = 0;
  }
  if (errno != 0) throw_errno(errno, "cannot read directory " + path_of(name));
  return names;
}

void PrivateDirectory::sync(const std::string& name) const {
  const Fd fd =
      checked_fd(::openat(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                 "cannot open directory " + path_of(name));
  if (::fsync(fd.get()) != 0) throw_errno(errno, "cannot sync directory " + path_of(name));
}

bool try_lock(const Fd& fd, bool shared) {
  while (::flock(fd.get(), (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw_errno(errno, "flock");
  }
  return true;
}

}  // namespace glancefs::cache
