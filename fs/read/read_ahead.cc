#include "fs/read/read_ahead.h"

#include <algorithm>

namespace glancefs::fs {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kRandom = 192 * kKiB;
constexpr std::uint64_t kSmallestWindow = kMiB;
constexpr std::uint64_t kLargestWindow = 128 * kMiB;
// The kernel sends the reads of one run on several threads, so they come in slightly mixed order;
// qemu-img's eight coroutines are up to 16 MiB apart.
constexpr std::uint64_t kSlack = 32 * kMiB;
// One read is no run yet: the headers that programs look at are read so.
constexpr std::uint64_t kRunBegins = 512 * kKiB;

std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

}  // namespace

// The nearest run, if it is near; else a new one in the place of the one used longest ago.
ReadAhead::Run& ReadAhead::run_of(std::uint64_t offset) {
  Run* nearest = nullptr;
  for (Run& run : runs_) {
    if (run.used == 0 || distance(run.expected, offset) > kSlack) continue;
    if (nearest == nullptr ||
        distance(run.expected, offset) < distance(nearest->expected, offset)) {
      nearest = &run;
    }
  }
  if (nearest != nullptr) return *nearest;
  Run& oldest = *std::ranges::min_element(runs_, {}, &Run::used);
  oldest = {.expected = offset};
  return oldest;
}

cache::Extent ReadAhead::next(std::uint64_t offset, std::uint64_t length, std::uint64_t size,
                              bool lost) {
  Run& run = run_of(offset);
  if (lost) run.asked = 0;
  run.used = ++reads_;
  run.bytes += length;
  run.expected = std::max(run.expected, offset + length);
  // Counted from the block the read begins in, so that no further block is touched.
  std::uint64_t ahead = kRandom - offset % cache::kBlockSize;
  if (run.bytes >= kRunBegins) {
    ahead = std::clamp(2 * run.bytes, kSmallestWindow, kLargestWindow);
    if (run.asked >= std::min(offset + ahead - ahead / 4, size)) ahead = 0;
  }
  const std::uint64_t wanted = std::min(std::max(length, ahead), size - offset);
  run.asked = std::max(run.asked, offset + wanted);
  return {.offset = offset, .length = wanted};
}

}  // namespace glancefs::fs
