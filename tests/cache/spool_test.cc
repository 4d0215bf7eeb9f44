#include "cache/spool.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "cache/digest.h"
#include "cache/spool_journal.h"
#include "tests/cache/child_process.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::cache {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::uint64_t kPlenty = 1ULL << 40U;

SpoolRecord some_record() {
  SpoolRecord record;
  record.cloud = "https://cloud.example/image project";
  record.image_id = "11111111-2222-4333-8444-555555555555";
  record.directory = "private";
  record.name = std::string("odd\n\0name", 9);
  record.properties = {{"user.glance.os_distro", std::string("a\0b", 3)}, {"", ""}, {"k", "2"}};
  return record;
}

std::span<const std::byte> raw(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string content(const Spool& spool) {
  std::string text(spool.size(), '?');
  text.resize(spool.read(0, std::as_writable_bytes(std::span(text))));
  return text;
}

int errno_of(const std::function<void()>& action) {
  try {
    action();
    return 0;
  } catch (const std::system_error& error) {
    return error.code().value();
  }
}

std::size_t files_in(const std::string& path) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), {}));
}

TEST(SpoolRecordFile, KeepsEveryByte) {
  SpoolRecord record = some_record();
  record.id = "id";
  record.state = SpoolState::kArrived;
  record.sent = {.size = 1ULL << 40U, .modified = -1};
  record.error = "409 \xff conflict";
  record.replaces = "99999999-2222-4333-8444-555555555555";
  record.changed = std::chrono::system_clock::now();
  EXPECT_EQ(decode(encode(record)), record);
}

// Records of before there were the last fields, as their programs have left them.
TEST(SpoolRecordFile, MayEndBeforeItsLastFields) {
  SpoolRecord record = some_record();
  record.id = "id";
  record.found = true;
  std::string bytes = encode(record);
  constexpr std::size_t kHash = 64, kVersion = 16, kEmptyText = 8;
  bytes.resize(bytes.size() - kHash);
  for (const std::size_t field : {kVersion, kEmptyText}) {
    bytes.resize(bytes.size() - field);
    auto hasher = Hasher::create("sha256");
    ASSERT_TRUE(hasher.has_value());
    hasher->update(raw(bytes));
    EXPECT_EQ(decode(bytes + hasher->finish().hex), record);
  }
}

TEST(SpoolRecordFile, IsRefusedWhenAnyByteIsDifferentOrMissing) {
  SpoolRecord record = some_record();
  record.id = "id";
  const std::string good = encode(record);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(decode(bad).has_value()) << "byte " << i;
    EXPECT_FALSE(decode(good.substr(0, i)).has_value()) << "length " << i;
  }
  EXPECT_FALSE(decode(good + "x").has_value());
}

TEST(Spool, WritesAnywhereAndReadsBack) {
  const test::TemporaryDirectory top;
  const auto spools = open_spools(top / "spool", kPlenty);
  const auto spool = spools->create(some_record());
  EXPECT_EQ(spool->size(), 0U);
  spool->write(5, raw("world"));
  spool->write(0, raw("hello"));
  EXPECT_EQ(content(*spool), "helloworld");
  spool->write(3, raw("LOW"));
  EXPECT_EQ(content(*spool), "helLOWorld");
  spool->truncate(4);
  EXPECT_EQ(content(*spool), "helL");
  spool->truncate(6);
  EXPECT_EQ(content(*spool), std::string("helL\0\0", 6));
  std::array<std::byte, 4> rest{};
  EXPECT_EQ(spool->read(4, rest), 2U);
  EXPECT_EQ(spool->read(100, rest), 0U);
  spool->sync();
  EXPECT_TRUE(fs::exists(spool->path()));
}

TEST(Spool, KeepsHolesAsHolesAndCountsOnlyDisk) {
  const test::TemporaryDirectory top;
  const auto spools = open_spools(top / "spool", 1 << 20);
  const auto spool = spools->create(some_record());
  spool->truncate(1ULL << 40U);
  spool->write(1ULL << 39U, raw("in the middle"));
  EXPECT_EQ(spool->size(), 1ULL << 40U);
  struct stat status {};
  ASSERT_EQ(::stat(spool->path().c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 1 << 20);
  std::array<std::byte, 8> zeros{};
  zeros.fill(std::byte{1});
  EXPECT_EQ(spool->read(12345, zeros), zeros.size());
  EXPECT_THAT(zeros, ::testing::Each(std::byte{0}));
}

TEST(Spool, TakesAndGivesBackDisk) {
  const test::TemporaryDirectory top;
  const auto spool = open_spools(top / "spool", kPlenty)->create(some_record());
  constexpr std::uint64_t kPart = 64 << 10;
  spool->allocate(0, 0, 4 * kPart);
  EXPECT_EQ(spool->size(), 4 * kPart);
  EXPECT_FALSE(spool->has_data()) << "room is no data";
  spool->allocate(FALLOC_FL_KEEP_SIZE, 4 * kPart, kPart);
  EXPECT_EQ(spool->size(), 4 * kPart);
  const std::string text(3 * kPart, 'x');
  spool->write(0, raw(text));
  const SpoolVersion before = spool->version();
  while (spool->version() == before) {  // the file system's clock ticks every few milliseconds
    spool->allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kPart, kPart);
  }
  spool->allocate(FALLOC_FL_ZERO_RANGE, 2 * kPart, kPart);
  EXPECT_TRUE(content(*spool) == std::string(kPart, 'x') + std::string(3 * kPart, '\0'));
  EXPECT_EQ(spool->next_data(0), 0U);
  EXPECT_EQ(spool->next_hole(0), kPart);
  EXPECT_EQ(spool->next_data(kPart), std::nullopt);
  EXPECT_EQ(spool->next_hole(4 * kPart), std::nullopt);
  EXPECT_EQ(spool->next_data(~0ULL), std::nullopt);
}

TEST(Spool, RefusesOtherKindsOfAllocation) {
  const test::TemporaryDirectory top;
  const auto spool = open_spools(top / "spool", kPlenty)->create(some_record());
  for (const int mode : {FALLOC_FL_PUNCH_HOLE, FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE,
                         FALLOC_FL_UNSHARE_RANGE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE}) {
    EXPECT_EQ(errno_of([&] { spool->allocate(mode, 0, 4096); }), EOPNOTSUPP) << mode;
  }
  EXPECT_EQ(errno_of([&] { spool->allocate(0, ~0ULL >> 1U, 1); }), EFBIG);
  EXPECT_EQ(spool->size(), 0U);
}

TEST(Spool, WhatIsAllocatedCountsAndCanBeWritten) {
  const test::TemporaryDirectory top;
  const auto spools = open_spools(top / "spool", 1 << 20);
  const auto first = spools->create(some_record());
  const auto second = spools->create(some_record());
  EXPECT_EQ(errno_of([&] { first->allocate(0, 0, (1 << 20) + 1); }), ENOSPC);
  EXPECT_EQ(first->size(), 0U);
  first->allocate(0, 0, 1 << 20);
  EXPECT_EQ(errno_of([&] { second->write(0, raw("x")); }), ENOSPC);
  EXPECT_EQ(errno_of([&] { second->allocate(FALLOC_FL_KEEP_SIZE, 0, 1); }), ENOSPC);
  const std::string all(1 << 20, 'x');
  first->write(0, raw(all));
  EXPECT_TRUE(content(*first) == all);
  first->allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 512 << 10);
  second->write(0, raw(all.substr(512 << 10)));
}

TEST(Spool, RefusesOffsetsBeyondTheLargestFile) {
  const test::TemporaryDirectory top;
  const auto spool = open_spools(top / "spool", kPlenty)->create(some_record());
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(errno_of([&] { spool->write(kLargest, raw("x")); }), EFBIG);
  EXPECT_EQ(errno_of([&] { spool->write(~0ULL, raw("x")); }), EFBIG);
  EXPECT_EQ(errno_of([&] { spool->truncate(kLargest + 1); }), EFBIG);
  EXPECT_EQ(spool->size(), 0U);
}

TEST(Spool, StopsAtTheLimitOfAllFilesTogether) {
  const test::TemporaryDirectory top;
  const auto spools = open_spools(top / "spool", 1 << 20);
  const auto first = spools->create(some_record());
  const auto second = spools->create(some_record());
  const std::string half(512 << 10, 'x');
  first->write(0, raw(half));
  second->write(0, raw(half));
  EXPECT_EQ(errno_of([&] { second->write(half.size(), raw("one byte too many")); }), ENOSPC);
  EXPECT_EQ(content(*second), half);
  second->write(7, raw("overwriting takes no more disk"));
  first->truncate(0);
  second->write(half.size(), raw(half));
  EXPECT_EQ(errno_of([&] { first->write(0, raw("x")); }), ENOSPC);
  second->discard();
  first->write(0, raw(half));
}

TEST(Spool, SeesRoomThatAnotherProcessFreed) {
  const test::TemporaryDirectory top;
  const auto ours = open_spools(top / "spool", 1 << 20);
  const auto theirs = open_spools(top / "spool", 1 << 20);
  const std::string most(900 << 10, 'x');
  const auto spool = theirs->create(some_record());
  spool->write(0, raw(most));
  const auto waiting = ours->create(some_record());
  EXPECT_EQ(errno_of([&] { waiting->write(0, raw(most)); }), ENOSPC);
  spool->discard();
  waiting->write(0, raw(most));
}

TEST(Spool, ManyThreadsWriteTheirParts) {
  const test::TemporaryDirectory top;
  const auto spool = open_spools(top / "spool", kPlenty)->create(some_record());
  constexpr int kThreads = 4;
  constexpr int kRounds = 50;
  constexpr int kPart = 1000;
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&spool, t] {
        const std::string part(kPart, static_cast<char>('a' + t));
        for (int i = 0; i < kRounds; ++i) {
          spool->write(static_cast<std::uint64_t>(i * kThreads + t) * kPart, raw(part));
        }
      });
    }
  }
  const std::string all = content(*spool);
  ASSERT_EQ(all.size(), static_cast<std::size_t>(kThreads * kRounds * kPart));
  for (std::size_t i = 0; i < all.size(); i += kPart) {
    EXPECT_EQ(all.substr(i, kPart), std::string(kPart, static_cast<char>('a' + i / kPart % 4)));
  }
}

TEST(Spools, RecoverWhatAnEarlierProcessLeft) {
  const test::TemporaryDirectory top;
  SpoolRecord left;
  {
    const auto spool = open_spools(top / "spool", kPlenty)->create(some_record());
    spool->write(0, raw("bytes of a program"));
    SpoolRecord next = spool->record();
    next.state = SpoolState::kFailed;
    next.error = "quota";
    next.id = "not to be changed";
    next.cloud = "neither";
    spool->update(next);
    left = spool->record();
  }
  EXPECT_EQ(left.cloud, some_record().cloud);
  EXPECT_NE(left.changed.time_since_epoch().count(), 0);
  const auto spools = open_spools(top / "spool", kPlenty);
  EXPECT_TRUE(spools->recover("another cloud").empty());
  const auto found = spools->recover(some_record().cloud);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]->record(), left);
  EXPECT_EQ(content(*found[0]), "bytes of a program");
  EXPECT_TRUE(spools->recover(some_record().cloud).empty()) << "it is held already";
}

TEST(Spools, LeaveAloneWhatALiveProcessHolds) {
  const test::TemporaryDirectory top;
  test::ChildProcess child([&](const auto& parent) {
    const auto spool = open_spools(top / "spool", kPlenty)->create(some_record());
    spool->write(0, raw("written by the child"));
    parent.report();
    parent.wait();
  });
  ASSERT_EQ(child.wait_for_report(), '.');
  const auto spools = open_spools(top / "spool", kPlenty);
  EXPECT_TRUE(spools->recover(some_record().cloud).empty());
  child.kill();
  const auto found = spools->recover(some_record().cloud);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(content(*found[0]), "written by the child");
}

TEST(Spools, KilledAnywhereLoseNothingThatWasAnnounced) {
  const test::TemporaryDirectory top;
  constexpr int kRounds = 30;
  for (int round = 0; round < kRounds; ++round) {
    test::ChildProcess child([&](const auto& parent) {
      const auto spools = open_spools(top / "spool", kPlenty);
      const auto spool = spools->create(some_record());
      SpoolRecord record = spool->record();
      for (int i = 0;; ++i) {  // ends by the kill
        spool->write(static_cast<std::uint64_t>(i), raw("x"));
        record.error = std::to_string(i);
        spool->update(record);
        parent.report();
      }
    });
    for (int i = 0; i <= round; ++i) ASSERT_EQ(child.wait_for_report(), '.');
    child.kill();
    const auto found = open_spools(top / "spool", kPlenty)->recover(some_record().cloud);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_GE(std::stoi(found[0]->record().error), round);
    EXPECT_GT(found[0]->size(), static_cast<std::uint64_t>(round));
    found[0]->discard();
    EXPECT_EQ(files_in(top / "spool"), 0U);
  }
}

TEST(Spools, ForgetWhatHasEnded) {
  const test::TemporaryDirectory top;
  const auto spools = open_spools(top / "spool", kPlenty);
  spools->create(some_record())->discard();
  EXPECT_EQ(files_in(top / "spool"), 0U);

  // Adopted by a cache: the data file has another name now and stays.
  const auto adopted = spools->create(some_record());
  adopted->write(0, raw("kept"));
  fs::rename(adopted->path(), top / "adopted");
  adopted->discard();
  EXPECT_EQ(files_in(top / "spool"), 0U);
  EXPECT_EQ(fs::file_size(top / "adopted"), 4U);
}

TEST(Spools, ClearUpHalfMadeAndHalfRemovedOnes) {
  const test::TemporaryDirectory top;
  std::string without_data;
  {
    const auto spools = open_spools(top / "spool", kPlenty);
    const auto spool = spools->create(some_record());
    fs::remove(spool->path());
  }
  const std::string id = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
  std::ofstream(top / ("spool/" + spool_data_name(id))).flush();
  std::ofstream(top / ("spool/" + spool_draft_name(id))) << "half";
  EXPECT_TRUE(open_spools(top / "spool", kPlenty)->recover(some_record().cloud).empty());
  EXPECT_EQ(files_in(top / "spool"), 0U);
}

TEST(Spools, KeepDataWhoseRecordIsDamaged) {
  const test::TemporaryDirectory top;
  std::string data;
  {
    const auto spool = open_spools(top / "spool", kPlenty)->create(some_record());
    spool->write(0, raw("somebody's work"));
    data = spool->path();
    std::fstream record(fs::path(data).replace_extension(".record").string());
    record.seekp(40) << "garbage";
  }
  EXPECT_TRUE(open_spools(top / "spool", kPlenty)->recover(some_record().cloud).empty());
  EXPECT_EQ(fs::file_size(data), 15U);
}

TEST(Spools, NameTheDirectoryThatCannotBeUsed) {
  const test::TemporaryDirectory top;
  fs::create_directory(top / "spool");
  ::chmod((top / "spool").c_str(), 0777);
  try {
    open_spools(top / "spool", kPlenty);
    FAIL() << "accepted";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EACCES);
    EXPECT_THAT(error.what(), HasSubstr(top / "spool"));
  }
}

}  // namespace
}  // namespace glancefs::cache
