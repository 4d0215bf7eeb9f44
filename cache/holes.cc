#include "cache/holes.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "cache/file_io.h"

namespace glancefs::cache {
namespace {

constexpr std::uint64_t kPage = 4096;

/// The bytes of [begin, end) that have disk; nullopt: this file system does not tell.
std::optional<std::uint64_t> mapped(const Fd& fd, std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint32_t kExtents = 32;
  alignas(fiemap) std::array<std::byte, sizeof(fiemap) + kExtents * sizeof(fiemap_extent)> space;
  std::uint64_t found = 0;
  for (std::uint64_t at = begin; at < end;) {
    space.fill(std::byte{0});
    auto& request = *reinterpret_cast<fiemap*>(space.data());
    request.fm_start = at;
    request.fm_length = end - at;
    request.fm_extent_count = kExtents;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
    if (::ioctl(fd.get(), FS_IOC_FIEMAP, &request) != 0) return std::nullopt;
    for (const fiemap_extent& extent :
         std::span(static_cast<fiemap_extent*>(request.fm_extents), request.fm_mapped_extents)) {
      const std::uint64_t first = std::max<std::uint64_t>(extent.fe_logical, at);
      at = std::clamp<std::uint64_t>(extent.fe_logical + extent.fe_length, first, end);
      found += at - std::min(first, at);
    }
    if (request.fm_mapped_extents < kExtents) break;
  }
  return found;
}

}  // namespace

std::uint64_t holes(const Fd& fd, std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t size = size_of(fd);
  begin = begin / kPage * kPage;
  end = (end + kPage - 1) / kPage * kPage;
  if (begin >= size) return end - begin;
  // lseek() does not stop at `end`: in a large file without holes it goes through all of it.
  if (const auto present = mapped(fd, begin, end)) return end - begin - *present;
  std::uint64_t found = 0;
  // Room that was taken beforehand looks like a hole to lseek() until it is written. With as much
  // disk as bytes there is none.
  if (allocated_bytes(fd) >= size) begin = size;
  while (begin < std::min(end, size)) {
    const off_t data = ::lseek(fd.get(), static_cast<off_t>(begin), SEEK_DATA);
    if (data < 0) break;  // no data from here on
    const auto data_begin = std::min(static_cast<std::uint64_t>(data), end);
    found += data_begin - begin;
    const off_t hole = ::lseek(fd.get(), static_cast<off_t>(data_begin), SEEK_HOLE);
    if (hole < 0) return found;
    begin = std::max(begin + 1, static_cast<std::uint64_t>(hole));
  }
  begin = (begin + kPage - 1) / kPage * kPage;  // the page at the file's end has its disk
  return found + end - std::min(begin, end);
}

}  // namespace glancefs::cache
