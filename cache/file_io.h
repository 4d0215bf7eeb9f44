// Whole reads and writes at an offset, over pread and pwrite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/fd.h"

namespace glancefs::cache {

/// Reads into.size() bytes from `offset` on; fewer only at the end of the file. Throws
/// system_error.
std::size_t read_at(const Fd& fd, std::uint64_t offset, std::span<std::byte> into);

/// Writes all of `bytes` at `offset`. Throws system_error (ENOSPC, EIO, EFBIG …); how much has been
/// written by then is unknown.
void write_at(const Fd& fd, std::uint64_t offset, std::span<const std::byte> bytes);

/// Bytes of disk that the file takes, holes left out. Throws system_error.
std::uint64_t allocated_bytes(const Fd& fd);

/// Size in bytes. Throws system_error.
std::uint64_t size_of(const Fd& fd);

/// Makes the file's bytes and size durable. Throws system_error.
void sync_file(const Fd& fd);

/// The bytes of `text`, without a copy.
inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace glancefs::cache
