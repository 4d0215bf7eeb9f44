#include "fs/read/read_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace glancefs::fs {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kSize = 1024 * kMiB;
constexpr std::uint64_t kRead = 128 * kKiB;

// How much is asked for from the last read on, after `count` reads in order from `offset` on.
std::uint64_t window_after(ReadAhead& ahead, std::uint64_t offset, int count) {
  std::uint64_t asked = offset;
  std::uint64_t read = offset;
  for (int i = 0; i < count; ++i) {
    const auto extent = ahead.next(read, kRead, kSize);
    asked = std::max(asked, extent.offset + extent.length);
    read += kRead;
  }
  return asked - (read - kRead);
}

TEST(ReadAheadTest, FetchesLittleForAnIsolatedRead) {
  ReadAhead ahead;
  const auto extent = ahead.next(500 * kMiB + 70 * kKiB, 4 * kKiB, kSize);
  EXPECT_EQ(extent.offset, 500 * kMiB + 70 * kKiB);
  EXPECT_LE(extent.offset % cache::kBlockSize + extent.length, 256 * kKiB);
}

TEST(ReadAheadTest, NeverFetchesMoreThanTwiceWhatWasRead) {
  ReadAhead ahead;
  std::uint64_t read = 0;
  for (; read < 256 * kMiB; read += kRead) {
    const auto extent = ahead.next(read, kRead, kSize);
    EXPECT_LE(extent.length, std::max(kMiB, 2 * (read + kRead)));
  }
  EXPECT_GE(window_after(ahead, read, 1000), 96 * kMiB);
}

TEST(ReadAheadTest, MovesOnInLargePieces) {
  ReadAhead ahead;
  std::uint64_t asked = 0;
  std::uint64_t smallest = kSize;
  for (std::uint64_t read = 0; read < 512 * kMiB; read += kRead) {
    const auto extent = ahead.next(read, kRead, kSize);
    const std::uint64_t end = extent.offset + extent.length;
    if (end > asked && read > 256 * kMiB) smallest = std::min(smallest, end - asked);
    asked = std::max(asked, end);
  }
  EXPECT_GE(smallest, 32 * kMiB);
}

TEST(ReadAheadTest, AsksAgainForWhatWasCalledOff) {
  ReadAhead ahead;
  window_after(ahead, 0, 1000);
  EXPECT_EQ(ahead.next(1000 * kRead, kRead, kSize).length, kRead) << "all of it is on its way";
  EXPECT_EQ(ahead.next(1001 * kRead, kRead, kSize, true).length, 128 * kMiB);
}

TEST(ReadAheadTest, EndsWithTheImage) {
  ReadAhead ahead;
  EXPECT_EQ(window_after(ahead, kSize - 8 * kRead, 8), kRead);
}

TEST(ReadAheadTest, FollowsReadsThatAreABitOutOfOrder) {
  ReadAhead ahead;
  std::uint64_t asked = 0;
  for (std::uint64_t stride = 0; stride < 64 * kMiB; stride += 16 * kMiB) {
    for (const std::uint64_t coroutine : {6U, 2U, 0U, 4U}) {  // each of them 2 MiB of its own
      const auto extent = ahead.next(stride + coroutine * kMiB, 2 * kMiB, kSize);
      asked = std::max(asked, extent.offset + extent.length);
    }
  }
  EXPECT_GE(asked, (64 + 32) * kMiB);
}

TEST(ReadAheadTest, FollowsEightRunsAtOnce) {
  ReadAhead ahead;
  std::array<std::uint64_t, 8> asked{};
  for (int read = 0; read < 16; ++read) {
    for (std::uint64_t run = 0; run < 8; ++run) {
      const auto extent = ahead.next(run * 128 * kMiB + read * kRead, kRead, kSize);
      asked.at(run) = std::max(asked.at(run), extent.offset + extent.length - run * 128 * kMiB);
    }
  }
  for (const std::uint64_t bytes : asked) EXPECT_GE(bytes, 4 * kMiB);
}

TEST(ReadAheadTest, RandomReadsMakeNoRun) {
  ReadAhead ahead;
  std::uint64_t place = 1;
  for (int i = 0; i < 200; ++i) {
    place = place * 6364136223846793005ULL + 1442695040888963407ULL;
    const std::uint64_t offset = place % (100'000 * kMiB) / 4096 * 4096;
    EXPECT_LE(ahead.next(offset, 4096, 100'000 * kMiB + kMiB).length, 256 * kKiB);
  }
}

}  // namespace
}  // namespace glancefs::fs
