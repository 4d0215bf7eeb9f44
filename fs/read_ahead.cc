#include "fs/read_ahead.h"

#include <algorithm>

namespace glancefs::fs {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kRandom = 256 * kKiB;
constexpr std::uint64_t kSmallestWindow = kMiB;
constexpr std::uint64_t kLargestWindow = 64 * kMiB;
// The kernel sends the reads of one run on several threads, so they come in slightly mixed order;
// qemu-img's eight coroutines are up to 16 MiB apart.
constexpr std::uint64_t kSlack = 32 * kMiB;
// One read is no run yet: the headers that programs look at are read so.
constexpr std::uint64_t kRunBegins = 512 * kKiB;

}  // namespace

cache::Extent ReadAhead::next(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  const bool in_run = offset + kSlack >= expected_ && offset <= expected_ + kSlack;
  const bool adjoins = in_run && (run_ > 0 || offset == expected_);
  run_ = adjoins ? run_ + length : length;
  expected_ = adjoins ? std::max(expected_, offset + length) : offset + length;
  // Counted from the block the read begins in, so that no further block is touched.
  std::uint64_t ahead = kRandom - offset % cache::kBlockSize;
  if (run_ >= kRunBegins) ahead = std::clamp(2 * run_, kSmallestWindow, kLargestWindow);
  const std::uint64_t wanted = std::max(length, ahead);
  return {.offset = offset, .length = std::min(wanted, size - offset)};
}

}  // namespace glancefs::fs
