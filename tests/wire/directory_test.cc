// Listings: offsets, pages, what vanishes meanwhile.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <map>

#include "tests/wire/wire_test.h"

namespace glancefs::test {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

struct Record {
  std::string name;
  std::uint64_t inode = 0, next = 0;
  std::uint32_t type = 0;
  fuse_entry_out entry{};
};

class DirectoryWireTest : public WireTest {
 protected:
  DirectoryWireTest() {
    fake.list = [this](fs::NodeId directory) {
      EXPECT_EQ(directory, 2U);
      std::vector<fs::DirectoryEntry> entries;
      for (const auto& [name, node] : names) entries.push_back({name, node});
      return entries;
    };
    fake.find = [this](fs::NodeId, std::string_view name) -> std::optional<fs::Entry> {
      const auto found = names.find(std::string(name));
      if (found == names.end()) return std::nullopt;
      return file_entry(found->second, 100 * found->second, milliseconds(2000));
    };
  }

  std::uint64_t open_directory() {
    return ask(FUSE_OPENDIR, 2, fuse_open_in{}).as<fuse_open_out>().fh;
  }

  std::vector<Record> page(std::uint64_t fh, std::uint64_t offset, std::uint32_t room, bool plus) {
    fuse_read_in body{};
    body.fh = fh;
    body.offset = offset;
    body.size = room;
    const Answer answer = ask(plus ? FUSE_READDIRPLUS : FUSE_READDIR, 2, body);
    EXPECT_EQ(answer.error, 0);
    EXPECT_LE(answer.body.size(), room);
    std::vector<Record> records;
    std::size_t at = 0;
    while (at < answer.body.size()) {
      Record record;
      if (plus) record.entry = answer.as<fuse_entry_out>(at);
      const std::size_t head = plus ? sizeof(fuse_entry_out) : 0;
      const auto raw = answer.as<fuse_dirent>(at + head);
      const std::size_t name = at + head + FUSE_NAME_OFFSET;
      record.name = answer.text().substr(name, raw.namelen);
      record.inode = raw.ino;
      record.next = raw.off;
      record.type = raw.type;
      records.push_back(record);
      at += head + FUSE_DIRENT_SIZE(&raw);
    }
    return records;
  }

  std::vector<std::string> all_names(std::uint64_t fh, std::uint32_t room, bool plus) {
    std::vector<std::string> result;
    std::uint64_t offset = 0;
    for (auto records = page(fh, offset, room, plus); !records.empty();
         records = page(fh, offset, room, plus)) {
      for (const Record& record : records) result.push_back(record.name);
      offset = records.back().next;
    }
    return result;
  }

  std::map<std::string, fs::NodeId> names{{"a", 11}, {"b", 12}, {"c", 13}};
};

TEST_F(DirectoryWireTest, TheDotsComeFirst) {
  names["first"] = 1;
  const auto records = page(open_directory(), 0, 4096, false);
  ASSERT_EQ(records.size(), 6U);
  EXPECT_EQ(records[0].name, ".");
  EXPECT_EQ(records[0].inode, 2U);
  EXPECT_EQ(records[0].type, static_cast<unsigned>(S_IFDIR >> 12));
  EXPECT_EQ(records[1].name, "..");
  EXPECT_EQ(records[1].inode, 1U);
  EXPECT_EQ(records[2].name, "first");
}

TEST_F(DirectoryWireTest, PlainRecordsTellTheType) {
  const auto records = page(open_directory(), 0, 4096, false);
  ASSERT_EQ(records.size(), 5U);
  EXPECT_EQ(records[2].name, "a");
  EXPECT_EQ(records[2].inode, 11U);
  EXPECT_EQ(records[2].type, static_cast<unsigned>(S_IFREG >> 12));
}

TEST_F(DirectoryWireTest, PlusRecordsAreLookups) {
  const auto records = page(open_directory(), 0, 4096, true);
  ASSERT_EQ(records.size(), 5U);
  EXPECT_EQ(records[0].entry.nodeid, 0U);  // "." is not one
  EXPECT_EQ(records[0].inode, 2U);
  EXPECT_EQ(records[1].entry.nodeid, 0U);
  EXPECT_EQ(records[3].entry.nodeid, 12U);
  EXPECT_EQ(records[3].entry.attr.size, 1200U);
  EXPECT_EQ(records[3].entry.entry_valid, 2U);
}

TEST_F(DirectoryWireTest, SmallPagesShowEverythingOnce) {
  names.clear();
  std::vector<std::string> expected{".", ".."};
  for (int i = 100; i < 400; ++i) {
    const std::string name = "image-" + std::to_string(i) + std::string(i % 50, 'x');
    names[name] = static_cast<fs::NodeId>(i);
    expected.push_back(name);
  }
  EXPECT_EQ(all_names(open_directory(), 300, true), expected);
  EXPECT_EQ(all_names(open_directory(), 300, false), expected);
}

TEST_F(DirectoryWireTest, NamesOfTheGreatestLengthFit) {
  names.clear();
  names[std::string(255, 'n')] = 5;
  EXPECT_THAT(all_names(open_directory(), 4096, true),
              ElementsAre(".", "..", std::string(255, 'n')));
}

TEST_F(DirectoryWireTest, WhatVanishesIsLeftOutAndTheRestStays) {
  const std::uint64_t fh = open_directory();
  const auto dots = page(fh, 0, 400, true);  // two records
  ASSERT_EQ(dots.size(), 2U);
  names.erase("b");
  const auto rest = page(fh, dots.back().next, 4096, true);
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].name, "a");
  EXPECT_EQ(rest[1].name, "c");
  EXPECT_TRUE(page(fh, rest[1].next, 4096, true).empty());
}

TEST_F(DirectoryWireTest, WhatComesMeanwhileWaitsForTheNextStart) {
  const std::uint64_t fh = open_directory();
  ASSERT_EQ(page(fh, 0, 400, true).size(), 2U);
  names["aa"] = 20;
  EXPECT_EQ(page(fh, 2, 4096, true).size(), 3U);
  EXPECT_THAT(all_names(fh, 4096, false), ElementsAre(".", "..", "a", "b", "c", "aa"));
}

TEST_F(DirectoryWireTest, AnOffsetMeansTheSamePlaceInAnotherListing) {
  const auto records = page(open_directory(), 0, 4096, false);
  ASSERT_EQ(records.size(), 5U);
  names.erase("a");
  names["0"] = 20;
  const auto rest = page(open_directory(), records[3].next, 4096, false);
  ASSERT_EQ(rest.size(), 2U) << "behind b, which was there";
  EXPECT_EQ(rest[0].name, "c");
  EXPECT_EQ(rest[1].name, "0");
}

TEST_F(DirectoryWireTest, NodesThatDifferInTheHighestBitsAreBothListed) {
  names = {{"a", 11}, {"b", 11 | 1ULL << 63}, {"c", 11 | 1ULL << 62}, {"d", 12}};
  EXPECT_THAT(all_names(open_directory(), 100, false),
              testing::UnorderedElementsAre(".", "..", "a", "b", "c", "d"));
}

TEST_F(DirectoryWireTest, AnOffsetPastTheEndIsTheEnd) {
  const std::uint64_t fh = open_directory();
  const auto records = page(fh, 0, 4096, false);
  ASSERT_EQ(records.size(), 5U);
  EXPECT_TRUE(page(fh, records.back().next, 4096, false).empty());
  EXPECT_TRUE(page(fh, 1000, 4096, false).empty());
  EXPECT_TRUE(page(fh, ~std::uint64_t{0} >> 1, 4096, false).empty());
}

TEST_F(DirectoryWireTest, AListingThatFailsSaysWhy) {
  fake.list = [](fs::NodeId) -> std::vector<fs::DirectoryEntry> { throw_errno(ENOTDIR, "a"); };
  fuse_read_in body{};
  body.fh = open_directory();
  body.size = 4096;
  EXPECT_EQ(ask(FUSE_READDIR, 2, body).error, ENOTDIR);
  fuse_release_in release{};
  release.fh = body.fh;
  EXPECT_EQ(ask(FUSE_RELEASEDIR, 2, release).error, 0);
}

}  // namespace
}  // namespace glancefs::test
