// A cache that is looked after from outside.
#include "cache/maintenance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/cache/cache_fixture.h"

namespace glancefs::cache {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr auto kNoProgress = [](std::uint64_t /*bytes*/) {};

class MaintenanceTest : public CacheFixture {
 protected:
  DiskStoreConfig config(std::uint64_t limit = 1ULL << 40U) const {
    return {.directory = directory_, .limit = limit, .min_free = 0};
  }
  Condition only_condition() {
    Maintenance maintenance(config());
    const auto objects = maintenance.objects();
    EXPECT_THAT(objects, SizeIs(1));
    return objects.empty() ? Condition::kGone
                           : maintenance.verify(objects.front().name, kNoProgress);
  }

  const std::vector<std::byte> bytes_ = sample_bytes(20 * kBlockSize + 100);
  const std::vector<std::byte> others_ = sample_bytes(kBlockSize);
};

TEST_F(MaintenanceTest, AMistypedDirectoryDoesNotBecomeACache) {
  EXPECT_THROW(Maintenance{config()}, std::system_error);
  EXPECT_FALSE(std::filesystem::exists(directory_));
  std::filesystem::create_directory(directory_);
  EXPECT_THROW(Maintenance{config()}, std::system_error);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(MaintenanceTest, ListsWhatIsKeptOldestFirst) {
  {
    const auto open = store();
    keep(*open, "cloud/a", bytes_, true);
    keep(*open, "cloud/b", others_, false);
    keep(*open, "cloud/c", bytes_, true);  // shares what a has
    open->pin("cloud/c", true);
  }
  const auto objects = Maintenance(config()).objects();
  ASSERT_THAT(objects, SizeIs(2));
  EXPECT_THAT(objects[0].sources, ElementsAre("cloud/b"));
  EXPECT_FALSE(objects[0].sealed);
  EXPECT_FALSE(objects[0].pinned);
  EXPECT_THAT(objects[1].sources, ElementsAre("cloud/a", "cloud/c"));
  EXPECT_TRUE(objects[1].sealed);
  EXPECT_TRUE(objects[1].pinned);
  EXPECT_EQ(objects[1].size, bytes_.size());
}

TEST_F(MaintenanceTest, WhatIsSoundStays) {
  for (const bool sealed : {false, true}) {
    keep(*store(), "a", bytes_, sealed);
    EXPECT_EQ(only_condition(), Condition::kSound) << sealed;
    EXPECT_THAT(Maintenance(config()).objects(), SizeIs(1));
  }
}

TEST_F(MaintenanceTest, ABitThatFlippedIsFoundAndTheObjectDropped) {
  for (const bool sealed : {false, true}) {
    keep(*store(), "a", bytes_, sealed);
    flip_bit(only_file(sealed ? "sealed" : "partial", ".data"), 18 * kBlockSize + 7);
    EXPECT_EQ(only_condition(), Condition::kDamaged) << sealed;
    EXPECT_THAT(Maintenance(config()).objects(), IsEmpty());
    EXPECT_THAT(files(sealed ? "sealed" : "partial", ".data"), IsEmpty());
  }
}

// Each block fits its checksum, and yet the whole is not what its name says.
TEST_F(MaintenanceTest, AWholeThatIsAnotherIsFound) {
  keep(*store(), "a", bytes_, true);
  keep(*store(), "b", sample_bytes(bytes_.size(), 7), false);
  const auto swap = [&](const std::string& suffix) {
    const std::string right = only_file("sealed", suffix);
    std::filesystem::copy_file(only_file("partial", suffix), right,
                               std::filesystem::copy_options::overwrite_existing);
    return right;
  };
  // The sums behind the header of the map, and the data they are of.
  const std::string map = only_file("sealed", ".map");
  std::ifstream file(map, std::ios::binary);
  std::string header(1024, '\0');
  file.read(header.data(), 1024);
  swap(".data");
  overwrite(swap(".map"), 0, header);
  std::string name = std::filesystem::relative(map, directory_).string();
  name.resize(name.size() - 4);
  EXPECT_EQ(Maintenance(config()).verify(name, kNoProgress), Condition::kDamaged);
}

TEST_F(MaintenanceTest, WhatIsBeingFilledIsLeftAlone) {
  const auto open = store();
  const auto entry = open->open(key_for("a", bytes_));
  ASSERT_TRUE(entry->write(0, std::span(bytes_).first(kBlockSize)));
  EXPECT_EQ(only_condition(), Condition::kInUse);
  EXPECT_FALSE(Maintenance(config()).drop("a"));
  EXPECT_TRUE(entry->write(kBlockSize, std::span(bytes_).subspan(kBlockSize)));
  EXPECT_EQ(read_all(*entry), bytes_);
}

TEST_F(MaintenanceTest, WhatIsReadIsVerifiedBesides) {
  keep(*store(), "a", bytes_, true);
  const auto open = store();
  const auto entry = open->open(key_for("a", bytes_));
  EXPECT_EQ(only_condition(), Condition::kSound);
  EXPECT_FALSE(Maintenance(config()).drop("a")) << "somebody has it open";
  EXPECT_EQ(read_all(*entry), bytes_);
}

TEST_F(MaintenanceTest, DroppingForgetsAlsoThePin) {
  {
    const auto open = store();
    keep(*open, "a", bytes_, true);
    keep(*open, "b", bytes_, true);
    open->pin("a", true);
  }
  Maintenance maintenance(config());
  EXPECT_TRUE(maintenance.drop("a"));
  EXPECT_THAT(maintenance.objects(), SizeIs(1)) << "b has the same bytes";
  EXPECT_FALSE(store()->pinned("a"));
  EXPECT_TRUE(maintenance.drop("b"));
  EXPECT_TRUE(maintenance.drop("c")) << "there was nothing";
  EXPECT_THAT(files("sealed", ".data"), IsEmpty());
}

TEST_F(MaintenanceTest, CollectsDownToTheLimitButNothingPinned) {
  {
    const auto open = store();
    keep(*open, "old", bytes_, true);
    keep(*open, "new", others_, true);
    open->pin("new", true);
  }
  EXPECT_TRUE(Maintenance(config()).collect());
  Maintenance maintenance(config(2 * kBlockSize));
  EXPECT_TRUE(maintenance.collect());
  EXPECT_EQ(maintenance.evicted(), bytes_.size());
  EXPECT_EQ(maintenance.kept(), others_.size());
  EXPECT_FALSE(Maintenance(config(0)).collect());
  EXPECT_THAT(maintenance.objects(), SizeIs(1));
}

TEST_F(MaintenanceTest, ProgressIsToldAndMayEndIt) {
  keep(*store(), "a", bytes_, true);
  Maintenance maintenance(config());
  const std::string name = maintenance.objects().front().name;
  std::uint64_t last = 0;
  maintenance.verify(name, [&](std::uint64_t bytes) { last = bytes; });
  EXPECT_EQ(last, bytes_.size());
  struct Enough {};
  EXPECT_THROW(maintenance.verify(name, [](std::uint64_t /*bytes*/) { throw Enough(); }), Enough);
  EXPECT_THAT(maintenance.objects(), SizeIs(1)) << "what was not read is not damaged";
}

}  // namespace
}  // namespace glancefs::cache
