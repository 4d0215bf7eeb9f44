#include "cache/disk_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cache/file_io.h"
#include "tests/cache/cache_fixture.h"

namespace glancefs::cache {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

using DiskStore = CacheFixture;

TEST_F(DiskStore, MakesADirectoryThatBackupsLeaveOut) {
  store();
  struct stat status {};
  ASSERT_EQ(::stat(directory_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  std::string line;
  std::ifstream tag(directory_ + "/CACHEDIR.TAG");
  std::getline(tag, line);
  EXPECT_EQ(line, "Signature: 8a477f597d28d172789f06886806bc55");
  for (const auto& file : fs::recursive_directory_iterator(directory_)) {
    ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0077U, 0U) << file.path();
  }
}

TEST_F(DiskStore, SurvivesARestart) {
  const auto bytes = sample_bytes(5 * kBlockSize + 7);
  keep(*store(), "whole", bytes, true);
  {
    const auto open = store();
    ASSERT_TRUE(open->open(key_for("part", sample_bytes(3 * kBlockSize, 2)))
                    ->write(kBlockSize, sample_bytes(kBlockSize, 3)));
  }
  const auto open = store();
  const auto whole = open->open(key_for("whole", bytes));
  EXPECT_TRUE(whole->sealed());
  EXPECT_EQ(read_all(*whole), bytes);
  EXPECT_EQ(open->open(key_for("part", sample_bytes(3 * kBlockSize, 2)))->present(), kBlockSize);
  EXPECT_EQ(open->usage().bytes, bytes.size() + kBlockSize);
}

TEST_F(DiskStore, HandsOutTheFileOfASealedObject) {
  const auto bytes = sample_bytes(3 * kBlockSize + 7);
  const auto open = store();
  const auto entry = open->open(key_for("a", bytes));
  ASSERT_TRUE(entry->write(0, bytes));
  EXPECT_EQ(entry->file(), nullptr) << "the kernel must not see holes";
  ASSERT_EQ(entry->seal(), Seal::kSealed);
  const auto file = entry->file();
  ASSERT_NE(file, nullptr);
  std::vector<std::byte> read(bytes.size() + 1);
  EXPECT_EQ(read_at(*file, 0, read), bytes.size());
  read.pop_back();
  EXPECT_EQ(read, bytes);
  const auto other = open->open(key_for("another id", bytes));
  EXPECT_EQ(other->file() != nullptr, true);
}

TEST_F(DiskStore, NamesSealedFilesByContentAndPartialOnesBySource) {
  const auto bytes = sample_bytes(100);
  const auto open = store();
  keep(*open, "a", bytes, false);
  const std::string partial = fs::path(only_file("partial", ".data")).stem();
  EXPECT_EQ(partial, digest_of(std::as_bytes(std::span(std::string_view("a"))), "sha256").hex);
  keep(*open, "a", bytes, true);
  EXPECT_TRUE(files("partial", "").empty());
  const std::string sealed = fs::path(only_file("sealed", ".data")).stem();
  EXPECT_EQ(sealed, "sha512-" + digest_of(bytes).hex);
}

TEST_F(DiskStore, TakesBackASealedFileThatWasDamaged) {
  const auto bytes = sample_bytes(4 * kBlockSize);
  keep(*store(), "a", bytes, true);
  flip_bit(only_file("sealed", ".data"), 0);
  const auto open = store();
  const auto entry = open->open(key_for("a", bytes));
  std::vector<std::byte> block(kBlockSize);
  EXPECT_EQ(entry->read(0, block), 0U);
  EXPECT_EQ(entry->present(), 3 * kBlockSize);
  EXPECT_EQ(open->open(key_for("a", bytes)), entry);
  EXPECT_EQ(open->open(key_for("b", bytes))->present(), 0U) << "no longer proven, no longer shared";
  ASSERT_TRUE(entry->write(0, std::span(bytes).first(kBlockSize)));
  EXPECT_EQ(entry->seal(), Seal::kSealed);
  EXPECT_EQ(open->usage().bytes, bytes.size());
}

TEST_F(DiskStore, KeepsWhatIsHeld) {
  const auto bytes = sample_bytes(3 * kBlockSize);
  const auto open = store(8 * kBlockSize);
  const auto held = open->open(key_for("held", bytes));
  ASSERT_TRUE(held->write(0, bytes));
  for (int i = 0; i < 5; ++i) keep(*open, "other " + std::to_string(i), bytes, false);
  EXPECT_EQ(held->present(), bytes.size());
  EXPECT_EQ(read_all(*held), bytes);
  const auto also = open->open(key_for("also held", bytes));
  ASSERT_TRUE(also->write(0, bytes));
  const auto third = open->open(key_for("third", bytes));
  ASSERT_TRUE(third->write(0, std::span(bytes).first(2 * kBlockSize)));
  EXPECT_FALSE(third->write(2 * kBlockSize, std::span(bytes).subspan(2 * kBlockSize)) &&
               third->present() == bytes.size())
      << "two others hold the rest";
  EXPECT_LE(open->usage().bytes, 8 * kBlockSize);
}

TEST_F(DiskStore, TheOrderOfUseSurvivesARestart) {
  const auto bytes = sample_bytes(2 * kBlockSize);
  {
    const auto open = store(8 * kBlockSize);
    for (const char* name : {"a", "b", "c", "d"}) keep(*open, name, bytes, false);
  }
  const auto open = store(8 * kBlockSize);
  open->open(key_for("a", bytes));
  keep(*open, "e", bytes, false);
  EXPECT_EQ(open->open(key_for("b", bytes))->present(), 0U);
  EXPECT_EQ(open->open(key_for("a", bytes))->present(), bytes.size());
}

TEST_F(DiskStore, ASmallerLimitIsReachedByEvicting) {
  const auto bytes = sample_bytes(2 * kBlockSize);
  {
    const auto open = store();
    for (int i = 0; i < 10; ++i) keep(*open, std::to_string(i), bytes, false);
  }
  const auto open = store(6 * kBlockSize);
  keep(*open, "new", bytes, false);
  EXPECT_LE(open->usage().bytes, 6 * kBlockSize);
}

TEST_F(DiskStore, GivesBlocksOfAnOversizedObjectBackToTheDisk) {
  const auto bytes = sample_bytes(40 * kBlockSize);
  const auto open = store(10 * kBlockSize);
  const auto entry = open->open(key_for("a", bytes));
  for (std::uint64_t at = 0; at < bytes.size(); at += 2 * kBlockSize) {
    ASSERT_TRUE(entry->write(at, std::span(bytes).subspan(at, 2 * kBlockSize)));
  }
  struct stat status {};
  ASSERT_EQ(::stat(only_file("partial", ".data").c_str(), &status), 0);
  EXPECT_LE(static_cast<std::uint64_t>(status.st_blocks) * 512, 11 * kBlockSize);
  EXPECT_EQ(entry->present(), 10 * kBlockSize);
  std::vector<std::byte> last(10 * kBlockSize);
  EXPECT_EQ(entry->read(30 * kBlockSize, last), last.size()) << "those written last are kept";
  EXPECT_EQ(entry->seal(), Seal::kIncomplete);
}

TEST_F(DiskStore, LeavesTheDiskItsFreeSpace) {
  const auto open = store(1ULL << 40U, 1ULL << 60U);  // more than any disk has
  const auto bytes = sample_bytes(kBlockSize);
  EXPECT_FALSE(open->open(key_for("a", bytes))->write(0, bytes));
  EXPECT_EQ(open->usage().bytes, 0U);
}

TEST_F(DiskStore, RefusesWhatItCannotName) {
  const auto open = store();
  const auto error_of = [&](const Key& key) {
    try {
      open->open(key);
      return 0;
    } catch (const std::system_error& error) {
      return error.code().value();
    }
  };
  EXPECT_EQ(error_of({.source = std::string(501, 'x'), .size = 1, .content = {}}), EINVAL);
  EXPECT_EQ(error_of({.source = "a", .size = 1ULL << 60U, .content = {}}), EFBIG);
  EXPECT_EQ(error_of({.source = "a",
                      .size = 1,
                      .content = Digest{.algorithm = "sha512", .hex = std::string(9999, 'a')}}),
            EINVAL);
}

TEST_F(DiskStore, RefusesADirectoryOfAnotherFormat) {
  store();
  std::ofstream(directory_ + "/glancefs-cache") << "glancefs cache 2\n";
  try {
    store();
    FAIL() << "accepted";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr(directory_));
    EXPECT_THAT(error.what(), HasSubstr("another version"));
  }
}

TEST_F(DiskStore, SurvivesTheRemovalOfItsDirectory) {
  const auto bytes = sample_bytes(2 * kBlockSize);
  const auto open = store();
  const auto entry = open->open(key_for("a", bytes));
  ASSERT_TRUE(entry->write(0, bytes));
  fs::remove_all(directory_);
  EXPECT_EQ(read_all(*entry), bytes);
  EXPECT_NE(entry->seal(), Seal::kMismatch);
  try {
    open->open(key_for("b", bytes))->write(0, bytes);
  } catch (const std::system_error& error) {
    EXPECT_NE(error.code().value(), 0);
  }
  open->drop("a");
  open->usage();
}

TEST_F(DiskStore, DoesNotAdoptAcrossFileSystems) {
  const SmallDisk disk(top_ / "disk", "4m");
  if (!disk.mounted()) GTEST_SKIP() << "cannot mount a tmpfs here";
  const auto bytes = sample_bytes(kBlockSize);
  const std::string path = disk.path() + "/upload";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), kBlockSize);
  const auto open = store();
  EXPECT_FALSE(open->adopt(key_for("a", bytes), path));
  EXPECT_EQ(fs::file_size(path), kBlockSize);
  EXPECT_EQ(open->open(key_for("a", bytes))->present(), 0U);
  EXPECT_EQ(open->usage().bytes, 0U);
}

TEST_F(DiskStore, AFullDiskIsNoReasonToFail) {
  const SmallDisk disk(top_ / "disk", "4m");
  if (!disk.mounted()) GTEST_SKIP() << "cannot mount a tmpfs here";
  const auto open =
      open_disk_store({.directory = disk.path() + "/cache", .limit = 1ULL << 40U, .min_free = 0});
  const auto bytes = sample_bytes(16 * kBlockSize);
  const auto held = open->open(key_for("held", bytes));
  ASSERT_TRUE(held->write(0, bytes));
  for (unsigned i = 0; i < 8; ++i) {  // 1 MiB each
    const auto others = sample_bytes(16 * kBlockSize, i + 2);
    const auto entry = open->open(key_for(std::to_string(i), others));
    EXPECT_TRUE(entry->write(0, others)) << "the oldest ones make room: " << i;
    EXPECT_EQ(read_all(*entry), others);
  }
  EXPECT_EQ(read_all(*held), bytes);
  std::ofstream(disk.path() + "/somebody else's", std::ios::binary) << std::string(8 << 20, 'x');
  const auto more = sample_bytes(64 * kBlockSize, 99);
  const auto entry = open->open(key_for("more", more));
  EXPECT_FALSE(entry->write(0, more));
  std::vector<std::byte> some(kBlockSize);
  const std::size_t got = entry->read(0, some);
  EXPECT_TRUE(
      std::equal(some.begin(), some.begin() + static_cast<std::ptrdiff_t>(got), more.begin()));
  EXPECT_EQ(read_all(*held), bytes);
}

TEST_F(DiskStore, AReadOnlyDiskIsRefusedByName) {
  const SmallDisk disk(top_ / "disk", "4m");
  if (!disk.mounted()) GTEST_SKIP() << "cannot mount a tmpfs here";
  const DiskStoreConfig config{
      .directory = disk.path() + "/cache", .limit = 1 << 30, .min_free = 0};
  const auto bytes = sample_bytes(4 * kBlockSize);
  {
    const auto open = open_disk_store(config);
    keep(*open, "a", bytes, true);
  }
  ASSERT_TRUE(disk.make_read_only());
  try {
    open_disk_store(config);
    FAIL() << "opened for writing";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EROFS);
    EXPECT_THAT(error.what(), HasSubstr(config.directory));
  }
}

}  // namespace
}  // namespace glancefs::cache
