// Listings that the kernel keeps, and that readers share.
#include <gmock/gmock.h>

#include "tests/wire/wire_test.h"

namespace glancefs::test {
namespace {

using std::chrono::milliseconds;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint32_t kKept = FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE;

class ListingsTest : public WireTest {
 protected:
  ListingsTest() {
    fake.list = [this](fs::NodeId) {
      ++listings;
      std::vector<fs::DirectoryEntry> entries;
      for (const char letter : {'a', 'b', 'c'}) {
        entries.push_back({std::string(1, letter), 11 + static_cast<fs::NodeId>(letter - 'a')});
      }
      return entries;
    };
    fake.find = [](fs::NodeId, std::string_view name) {
      return std::optional(
          file_entry(11 + static_cast<fs::NodeId>(name[0] - 'a'), 1, milliseconds(1000)));
    };
    fake.listing_changed = [this](fs::NodeId node) -> std::optional<fs::FileTime> {
      if (node != 2) return std::nullopt;
      return fs::FileTime(std::chrono::nanoseconds(changed.load()));
    };
  }

  fuse_open_out open_directory(std::uint64_t node = 2) {
    return ask(FUSE_OPENDIR, node, fuse_open_in{}).as<fuse_open_out>();
  }
  std::size_t read(std::uint64_t fh, bool plus, std::uint64_t offset = 0) {
    fuse_read_in body{};
    body.fh = fh;
    body.offset = offset;
    body.size = 4096;
    return ask(plus ? FUSE_READDIRPLUS : FUSE_READDIR, 2, body).body.size();
  }

  std::atomic<int> listings = 0, changed = 1;
};

TEST_F(ListingsTest, TheKernelKeepsWhatIsCounted) {
  EXPECT_EQ(open_directory(2).open_flags, kKept);
  EXPECT_EQ(open_directory(3).open_flags, 0U);
}

TEST_F(ListingsTest, ReadersOfTheSameStateShareOneListing) {
  const auto one = open_directory(), two = open_directory();
  read(one.fh, false);
  read(two.fh, false);
  EXPECT_EQ(listings, 1);
  changed = 2;
  read(two.fh, false);
  EXPECT_EQ(listings, 2) << "at its start a listing is the present one";
  const auto three = open_directory();
  read(three.fh, false);
  EXPECT_EQ(listings, 2);
}

TEST_F(ListingsTest, AListingThatNobodyReadsIsNotKeptHere) {
  const auto one = open_directory();
  read(one.fh, false);
  fuse_release_in release{};
  release.fh = one.fh;
  ask(FUSE_RELEASEDIR, 2, release);
  read(open_directory().fh, false);
  EXPECT_EQ(listings, 2);
}

// As "ls" and then "ls -l": with the names from the kernel's own memory it would ask for each.
TEST_F(ListingsTest, NamesWithoutAttributesAreForgottenWhenTheyAreAskedForOneByOne) {
  const auto directory = open_directory();
  read(directory.fh, false);
  ask_name(FUSE_LOOKUP, 2, "a");
  const auto told = kernel.wait_for_notices(1);
  EXPECT_EQ(told[0].code, FUSE_NOTIFY_INVAL_INODE);
  EXPECT_EQ(told[0].content.as<fuse_notify_inval_inode_out>().ino, 2U);
  EXPECT_EQ(told[0].content.as<fuse_notify_inval_inode_out>().off, 0);
  ask_name(FUSE_LOOKUP, 2, "b");
  read(directory.fh, true);
  ask_name(FUSE_LOOKUP, 2, "c");
  set_xattr();
  EXPECT_THAT(kernel.notices(), SizeIs(1)) << "once, and not for names that came with attributes";
}

TEST_F(ListingsTest, NamesThatAreAbsentSayNothingAboutListings) {
  read(open_directory().fh, false);
  fake.find = [](auto, auto) { return std::optional(fs::Entry{}); };
  ask_name(FUSE_LOOKUP, 2, "x");
  set_xattr();
  EXPECT_THAT(kernel.notices(), IsEmpty());
}

}  // namespace
}  // namespace glancefs::test
