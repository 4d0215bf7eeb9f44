// A cache whose files have been damaged never returns a wrong byte, and mends itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/cache/cache_fixture.h"

namespace glancefs::cache {
namespace {

namespace fs = std::filesystem;

/// Partial or sealed: both are read through their checksums.
class DamagedObject : public CacheFixture, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override { keep(*store(), "a", bytes_, sealed()); }
  static bool sealed() { return GetParam(); }
  std::string data() const { return only_file(sealed() ? "sealed" : "partial", ".data"); }
  std::string map() const { return only_file(sealed() ? "sealed" : "partial", ".map"); }

  const std::vector<std::byte> bytes_ = sample_bytes(9 * kBlockSize + 100);
};
INSTANTIATE_TEST_SUITE_P(Kinds, DamagedObject, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "Sealed" : "Partial"; });

TEST_P(DamagedObject, BitFlippedInData) {
  flip_bit(data(), 3 * kBlockSize + 17);
  const auto open = store();
  const auto entry = open->open(key_for("a", bytes_));
  EXPECT_EQ(entry->present(), bytes_.size());
  EXPECT_EQ(read_all(*entry).size(), 3 * kBlockSize);
  EXPECT_EQ(entry->missing(0, bytes_.size()), (Extent{3 * kBlockSize, kBlockSize}));
  EXPECT_FALSE(entry->sealed());
  EXPECT_EQ(entry->file(), nullptr);
  std::vector<std::byte> after(kBlockSize);
  EXPECT_EQ(entry->read(4 * kBlockSize, after), kBlockSize) << "the others still serve";
  heals(*open, "a", bytes_);
}

TEST_P(DamagedObject, BitFlippedWhereOnlyItsNeighboursAreWanted) {
  flip_bit(data(), 3 * kBlockSize + 17);
  const auto open = store();
  std::array<std::byte, 4> part{};
  EXPECT_EQ(open->open(key_for("a", bytes_))->read(3 * kBlockSize + 500, part), 0U);
}

TEST_P(DamagedObject, DamageIsRemembered) {
  flip_bit(data(), 3 * kBlockSize);
  read_all(*store()->open(key_for("a", bytes_)));
  EXPECT_EQ(store()->open(key_for("a", bytes_))->present(), bytes_.size() - kBlockSize);
}

TEST_P(DamagedObject, ZerosThatTheMapCallsPresent) {
  // What a power cut leaves of data that was never synced.
  overwrite(data(), 2 * kBlockSize, std::string(3 * kBlockSize, '\0'));
  heals(*store(), "a", bytes_);
}

TEST_P(DamagedObject, TruncatedData) {
  for (const std::uint64_t size : {9 * kBlockSize + 99ULL, 5 * kBlockSize + 1ULL, 0ULL}) {
    fs::resize_file(data(), size);
    heals(*store(), "a", bytes_);
    if (!sealed()) break;  // it is sealed by now
  }
}

TEST_P(DamagedObject, TruncatedMap) {
  const std::string path = map();
  for (const std::uint64_t size : {1024 + 8 * 5ULL, 1024 + 3ULL, 1024ULL, 1000ULL, 0ULL}) {
    fs::resize_file(path, size);
    heals(*store(), "a", bytes_);
    if (!sealed()) break;
  }
}

TEST_P(DamagedObject, GarbageInMap) {
  overwrite(map(), 1024, std::string(80, 'x'));
  heals(*store(), "a", bytes_);
}

TEST_P(DamagedObject, AnyBitOfTheMapsHeader) {
  const std::string path = map();
  for (std::uint64_t at = 0; at < 1024; at += 61) {
    flip_bit(path, at);
    const auto open = store();
    const auto entry = open->open(key_for("a", bytes_));
    EXPECT_EQ(entry->present(), 0U) << "a header that is not right is no header: byte " << at;
    EXPECT_TRUE(entry->write(0, bytes_));
    if (sealed()) {
      EXPECT_EQ(entry->seal(), Seal::kSealed);
    }
  }
}

TEST_P(DamagedObject, MissingData) {
  fs::remove(data());
  heals(*store(), "a", bytes_);
}

TEST_P(DamagedObject, MissingMap) {
  fs::remove(map());
  heals(*store(), "a", bytes_);
}

TEST_P(DamagedObject, DataOfAnotherObject) {
  const auto others = sample_bytes(bytes_.size(), 2);
  const std::string first = data();
  keep(*store(), "b", others, sealed());
  for (const auto& path : files(sealed() ? "sealed" : "partial", ".data")) {
    if (path == first) continue;
    fs::rename(path, path + ".swap");
    fs::rename(first, path);
    fs::rename(path + ".swap", first);
  }
  const auto open = store();
  heals(*open, "a", bytes_);
  heals(*open, "b", others);
}

TEST_P(DamagedObject, BothFilesOfAnotherObject) {
  const auto others = sample_bytes(bytes_.size(), 2);
  const std::string first = fs::path(data()).replace_extension().string();
  keep(*store(), "b", others, sealed());
  for (const auto& path : files(sealed() ? "sealed" : "partial", ".data")) {
    const std::string second = fs::path(path).replace_extension().string();
    if (second == first) continue;
    for (const std::string suffix : {".data", ".map"}) {
      fs::rename(second + suffix, top_ / "swap");
      fs::rename(first + suffix, second + suffix);
      fs::rename(top_ / "swap", first + suffix);
    }
  }
  const auto open = store();
  heals(*open, "a", bytes_);
  heals(*open, "b", others);
}

TEST_P(DamagedObject, LinksInThePlaceOfFiles) {
  const std::string path = data();
  fs::rename(path, top_ / "elsewhere");
  fs::create_symlink(top_ / "elsewhere", path);
  EXPECT_THROW(store()->open(key_for("a", bytes_)), std::system_error);
}

class DamagedSharedObject : public CacheFixture {};

TEST_F(DamagedSharedObject, IsNeverFilledByOneOfItsReaders) {
  const auto bytes = sample_bytes(4 * kBlockSize);
  keep(*store(), "a", bytes, true);
  flip_bit(only_file("sealed", ".data"), kBlockSize);
  const auto open = store();
  const auto first = open->open(key_for("a", bytes));
  const auto second = open->open(key_for("b", bytes));
  ASSERT_TRUE(first->sealed() && second->sealed());
  std::vector<std::byte> block(kBlockSize);
  EXPECT_EQ(first->read(kBlockSize, block), 0U);
  EXPECT_FALSE(first->sealed());
  EXPECT_FALSE(first->write(kBlockSize, sample_bytes(kBlockSize, 3)))
      << "unproven bytes must not reach the other reader";
  EXPECT_EQ(first->seal(), Seal::kIncomplete);
  EXPECT_EQ(second->read(kBlockSize, block), 0U);
  EXPECT_EQ(second->read(2 * kBlockSize, block), kBlockSize);
  EXPECT_TRUE(files("sealed", "").empty()) << "nobody opens it again";
}

class DamagedIndex : public CacheFixture {
 protected:
  void SetUp() override {
    const auto open = store();
    keep(*open, "whole", whole_, true);
    const auto entry = open->open(key_for("part", part_));
    ASSERT_TRUE(entry->write(0, std::span(part_).first(2 * kBlockSize)));
  }
  /// Nothing but the index is lost, and that is built again.
  void expect_rebuilt() {
    const auto open = store();
    EXPECT_EQ(open->usage().objects, 2U);
    EXPECT_EQ(open->usage().bytes, whole_.size() + 2 * kBlockSize);
    EXPECT_TRUE(open->open(key_for("whole", whole_))->sealed());
    EXPECT_TRUE(open->open(key_for("another id", whole_))->sealed());
    EXPECT_EQ(open->open(key_for("part", part_))->present(), 2 * kBlockSize);
    open->drop("part");
    EXPECT_EQ(open->usage().bytes, whole_.size());
  }

  const std::vector<std::byte> whole_ = sample_bytes(3 * kBlockSize);
  const std::vector<std::byte> part_ = sample_bytes(5 * kBlockSize, 2);
  const std::string index_ = directory_ + "/index.sqlite";
};

TEST_F(DamagedIndex, Garbage) {
  overwrite(index_, 0, std::string(5000, 'x'));
  expect_rebuilt();
  EXPECT_TRUE(has_index_aside());
}

TEST_F(DamagedIndex, DestroyedPage) {
  overwrite(index_, 4096, std::string(8192, '\x55'));
  expect_rebuilt();
  EXPECT_TRUE(has_index_aside());
}

TEST_F(DamagedIndex, Truncated) {
  fs::resize_file(index_, 5000);
  expect_rebuilt();
}

TEST_F(DamagedIndex, Empty) {
  fs::resize_file(index_, 0);
  expect_rebuilt();
}

TEST_F(DamagedIndex, Absent) {
  fs::remove(index_);
  expect_rebuilt();
}

TEST_F(DamagedIndex, OfAnotherVersion) {
  overwrite(index_, 60, std::string("\0\0\0\x63", 4));  // user_version, in SQLite's header
  expect_rebuilt();
  EXPECT_TRUE(has_index_aside());
}

TEST_F(DamagedIndex, RowsWithoutFilesAreForgotten) {
  for (const auto& file : files("sealed", "")) fs::remove(file);
  EXPECT_EQ(store()->usage().objects, 1U);
}

TEST_F(DamagedIndex, LeftOversAreRemoved) {
  const std::string directory = fs::path(only_file("partial", ".map")).parent_path().string();
  std::ofstream(directory + "/orphan.data") << "data without a map";
  std::ofstream(directory + "/lonely.map") << "map without data";
  std::ofstream(directory + "/bad.map") << "no map";
  std::ofstream(directory + "/bad.data") << "its data";
  expect_rebuilt();
  EXPECT_EQ(files("partial", "").size(), 0U) << "all gone, and the one that was dropped";
}

}  // namespace
}  // namespace glancefs::cache
