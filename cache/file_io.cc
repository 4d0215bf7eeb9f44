#include "cache/file_io.h"

#include <sys/stat.h>

#include <limits>

namespace glancefs::cache {
namespace {

constexpr std::uint64_t kLargestOffset = std::numeric_limits<off_t>::max();
constexpr std::uint64_t kStatBlock = 512;  // the unit of st_blocks, whatever the file system's is

struct stat status_of(const Fd& fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw_errno(errno, "fstat");
  return status;
}

}  // namespace

std::size_t read_at(const Fd& fd, std::uint64_t offset, std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size() && offset + done <= kLargestOffset) {
    const ssize_t n = ::pread(fd.get(), into.data() + done, into.size() - done,
                              static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno(errno, "pread");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

void write_at(const Fd& fd, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (offset > kLargestOffset || bytes.size() > kLargestOffset - offset) {
    throw_errno(EFBIG, "pwrite");
  }
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::pwrite(fd.get(), bytes.data() + done, bytes.size() - done,
                               static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno(errno, "pwrite");
    if (n == 0) throw_errno(EIO, "pwrite wrote nothing");
    done += static_cast<std::size_t>(n);
  }
}

std::uint64_t allocated_bytes(const Fd& fd) {
  return static_cast<std::uint64_t>(status_of(fd).st_blocks) * kStatBlock;
}

std::uint64_t size_of(const Fd& fd) { return static_cast<std::uint64_t>(status_of(fd).st_size); }

void sync_file(const Fd& fd) {
  if (::fdatasync(fd.get()) != 0) throw_errno(errno, "fdatasync");
}

}  // namespace glancefs::cache
