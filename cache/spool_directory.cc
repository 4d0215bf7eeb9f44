#include "cache/spool_directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "cache/file_io.h"

namespace glancefs::cache {

SpoolDirectory::SpoolDirectory(PrivateDirectory directory, std::uint64_t limit)
    : directory_(std::move(directory)),
      limit_(limit),
      used_(limited() ? count() : 0) {}

std::uint64_t SpoolDirectory::count() const {
  std::uint64_t bytes = 0;
  for (const auto& name : directory_.list(".")) {
    if (name.ends_with(".data")) bytes += directory_.allocated(name);
  }
  return bytes;
}

void SpoolDirectory::reserve(std::uint64_t bytes) {
  if (!limited()) return;
  const Lock lock(mutex_);
  // Before saying no, look again: another process may have finished an upload.
  if (since_count_ >= kRecount || used_ + set_aside_ + bytes > limit_) {
    used_ = count();
    since_count_ = 0;
  }
  if (used_ + set_aside_ + bytes > limit_) {
    throw_errno(ENOSPC, "the spool in " + directory_.path() + " has reached its limit of " +
                            std::to_string(limit_) + " bytes");
  }
  set_aside_ += bytes;
}

void SpoolDirectory::settle(std::uint64_t reserved, std::int64_t growth) noexcept {
  if (!limited()) return;
  const Lock lock(mutex_);
  set_aside_ -= reserved;
  if (growth >= 0) {
    used_ += static_cast<std::uint64_t>(growth);
    since_count_ += static_cast<std::uint64_t>(growth);
  } else {
    used_ -= std::min(used_, static_cast<std::uint64_t>(-growth));
  }
}

}  // namespace glancefs::cache
