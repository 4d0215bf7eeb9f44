// Loaded into the daemon by LD_PRELOAD: ends it by SIGKILL at its n-th call that changes something
// which outlives it, or which somebody else sees.
//
//   GLANCEFS_KILL_ARM   counting begins once this file exists
//   GLANCEFS_KILL_AT    n, from 1; the call is not made
//   GLANCEFS_KILL_TORN  if set, and the n-th call writes bytes, half of them are written first
//   GLANCEFS_KILL_LOG   the name of each counted call is appended to this file
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

bool armed() {
  static std::atomic<bool> yes{false};
  static const char* const path = std::getenv("GLANCEFS_KILL_ARM");
  if (!yes && path != nullptr && ::access(path, F_OK) == 0) yes = true;
  return yes;
}

int log_file() {
  static const int fd = [] {
    const char* path = std::getenv("GLANCEFS_KILL_LOG");
    return path == nullptr
               ? -1
               : static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path,
                                            O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  }();
  return fd;
}

// Whether this is the call to die at.
bool is_last(const char* name) {
  static const char* const at = std::getenv("GLANCEFS_KILL_AT");
  static const long last = at == nullptr ? 0 : std::atol(at);
  static std::atomic<long> calls{0};
  if (!armed()) return false;
  const long call = ++calls;
  char line[64];
  const int length = std::snprintf(line, sizeof line, "%ld %s\n", call, name);
  if (log_file() >= 0) ::syscall(SYS_write, log_file(), line, length);
  return call == last;
}

[[noreturn]] void die() {
  ::syscall(SYS_kill, ::getpid(), SIGKILL);
  while (true) ::pause();
}

void count(const char* name) {
  if (is_last(name)) die();
}

bool torn() {
  static const bool yes = std::getenv("GLANCEFS_KILL_TORN") != nullptr;
  return yes;
}

// Wake-ups within the process go through pipes and event counters, and nobody else sees them.
bool is_outside(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 &&
         (S_ISREG(status.st_mode) || S_ISSOCK(status.st_mode) || S_ISCHR(status.st_mode));
}

template <typename Write>
void count_write(const char* name, int fd, std::size_t size, Write&& half) {
  if (!is_outside(fd) || !is_last(name)) return;
  if (torn() && size > 1) half(size / 2);
  die();
}

std::size_t length_of(const iovec* parts, int count) {
  std::size_t length = 0;
  for (int i = 0; i < count; ++i) length += parts[i].iov_len;
  return length;
}

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

mode_t mode_of(int flags, va_list arguments) {
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return creates ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

#define NEXT(name) static auto* const original = next<decltype(name)>(#name)

#define OPEN(name)                                        \
  extern "C" int name(const char* path, int flags, ...) { \
    NEXT(name);                                           \
    va_list arguments;                                    \
    va_start(arguments, flags);                           \
    const mode_t mode = mode_of(flags, arguments);        \
    va_end(arguments);                                    \
    if ((flags & (O_CREAT | O_TRUNC)) != 0) count(#name); \
    return original(path, flags, mode);                   \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                     \
  extern "C" int name(int directory, const char* path, int flags, ...) { \
    NEXT(name);                                                          \
    va_list arguments;                                                   \
    va_start(arguments, flags);                                          \
    const mode_t mode = mode_of(flags, arguments);                       \
    va_end(arguments);                                                   \
    if ((flags & (O_CREAT | O_TRUNC)) != 0) count(#name);                \
    return original(directory, path, flags, mode);                       \
  }
OPENAT(openat)
OPENAT(openat64)

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  NEXT(write);
  count_write("write", fd, size, [&](std::size_t half) { original(fd, bytes, half); });
  return original(fd, bytes, size);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  NEXT(pwrite);
  count_write("pwrite", fd, size, [&](std::size_t half) { original(fd, bytes, half, offset); });
  return original(fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  NEXT(pwrite64);
  count_write("pwrite64", fd, size, [&](std::size_t half) { original(fd, bytes, half, offset); });
  return original(fd, bytes, size, offset);
}

// An answer to the kernel is one writev(2), which is taken as a whole or not at all.
ssize_t writev(int fd, const iovec* parts, int count) {
  NEXT(writev);
  count_write("writev", fd, length_of(parts, count), [](std::size_t) {});
  return original(fd, parts, count);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  NEXT(pwritev);
  count_write("pwritev", fd, length_of(parts, count), [](std::size_t) {});
  return original(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const iovec* parts, int count, off64_t offset) {
  NEXT(pwritev64);
  count_write("pwritev64", fd, length_of(parts, count), [](std::size_t) {});
  return original(fd, parts, count, offset);
}

ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  NEXT(send);
  count_write("send", fd, size, [&](std::size_t half) { original(fd, bytes, half, flags); });
  return original(fd, bytes, size, flags);
}

ssize_t sendto(int fd, const void* bytes, size_t size, int flags, const sockaddr* to,
               socklen_t length) {
  NEXT(sendto);
  count_write("sendto", fd, size, [](std::size_t) {});
  return original(fd, bytes, size, flags, to, length);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  NEXT(sendmsg);
  count_write("sendmsg", fd, 0, [](std::size_t) {});
  return original(fd, message, flags);
}

ssize_t sendfile(int to, int from, off_t* offset, size_t size) noexcept {
  NEXT(sendfile);
  count("sendfile");
  return original(to, from, offset, size);
}

ssize_t copy_file_range(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t size,
                        unsigned flags) {
  NEXT(copy_file_range);
  count("copy_file_range");
  return original(from, from_offset, to, to_offset, size, flags);
}

int ioctl(int fd, unsigned long request, ...) noexcept {
  NEXT(ioctl);
  va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  if (request == FICLONE || request == FICLONERANGE) count("ioctl(FICLONE)");
  return original(fd, request, argument);
}

int ftruncate(int fd, off_t size) noexcept {
  NEXT(ftruncate);
  count("ftruncate");
  return original(fd, size);
}

int ftruncate64(int fd, off64_t size) noexcept {
  NEXT(ftruncate64);
  count("ftruncate64");
  return original(fd, size);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  NEXT(fallocate);
  count("fallocate");
  return original(fd, mode, offset, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  NEXT(fallocate64);
  count("fallocate64");
  return original(fd, mode, offset, length);
}

int fsync(int fd) {
  NEXT(fsync);
  count("fsync");
  return original(fd);
}

int fdatasync(int fd) {
  NEXT(fdatasync);
  count("fdatasync");
  return original(fd);
}

int rename(const char* from, const char* to) noexcept {
  NEXT(rename);
  count("rename");
  return original(from, to);
}

int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  NEXT(renameat);
  count("renameat");
  return original(from_directory, from, to_directory, to);
}

int renameat2(int from_directory, const char* from, int to_directory, const char* to,
              unsigned flags) noexcept {
  NEXT(renameat2);
  count("renameat2");
  return original(from_directory, from, to_directory, to, flags);
}

int unlink(const char* path) noexcept {
  NEXT(unlink);
  count("unlink");
  return original(path);
}

int unlinkat(int directory, const char* path, int flags) noexcept {
  NEXT(unlinkat);
  count("unlinkat");
  return original(directory, path, flags);
}

int link(const char* from, const char* to) noexcept {
  NEXT(link);
  count("link");
  return original(from, to);
}

int linkat(int from_directory, const char* from, int to_directory, const char* to,
           int flags) noexcept {
  NEXT(linkat);
  count("linkat");
  return original(from_directory, from, to_directory, to, flags);
}

}  // extern "C"
