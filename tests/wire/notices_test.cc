// What the kernel is told of changes, when, and how long it may believe what it was told before.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/wire/wire_test.h"

namespace glancefs::test {
namespace {

using testing::SizeIs;

constexpr int kAllNames = 8;  // FUSE_NOTIFY_INC_EPOCH, Linux 6.16

class NoticesTest : public WireTest {
 protected:
  std::vector<FakeKernel::Notice> told(std::size_t count) { return kernel.wait_for_notices(count); }
  static long count_inode(const std::vector<FakeKernel::Notice>& notices, std::uint64_t node,
                          std::int64_t offset) {
    return std::ranges::count_if(notices, [&](const FakeKernel::Notice& notice) {
      if (notice.code != FUSE_NOTIFY_INVAL_INODE) return false;
      const auto inode = notice.content.as<fuse_notify_inval_inode_out>();
      return inode.ino == node && inode.off == offset;
    });
  }
  static long count_names(const std::vector<FakeKernel::Notice>& notices) {
    return std::ranges::count(notices, kAllNames, &FakeKernel::Notice::code);
  }

  std::uint64_t valid_of_lookup() {
    fake.find = [](fs::NodeId, std::string_view) {
      return std::optional(file_entry(11, 1, std::chrono::hours(1)));
    };
    return ask_name(FUSE_LOOKUP, 2, "a").as<fuse_entry_out>().entry_valid;
  }

  const fs::TreeChanges some{
      .everything = false,
      .directories = {2, 7},
      .names = {{.directory = 2, .name = "a"}, {.directory = 2, .name = "b"}},
      .nodes = {11}};
};

TEST_F(NoticesTest, EachChangeIsToldInTheFormTheKernelWants) {
  ASSERT_TRUE(fake.tell(some));
  const auto notices = told(4);
  EXPECT_EQ(count_inode(notices, 11, -1), 1) << "attributes only: its pages stay";
  EXPECT_EQ(count_inode(notices, 2, 0), 1) << "with the listing that is kept";
  EXPECT_EQ(count_inode(notices, 7, 0), 1);
  EXPECT_EQ(count_names(notices), 1);
}

TEST_F(NoticesTest, NamesAreLeftAloneWhenOnlyAttributesChange) {
  ASSERT_TRUE(fake.tell({.everything = false, .directories = {}, .names = {}, .nodes = {11}}));
  set_xattr();
  const auto notices = told(1);
  EXPECT_THAT(notices, SizeIs(1));
  EXPECT_EQ(count_inode(notices, 11, -1), 1);
}

TEST_F(NoticesTest, WhatIsTooMuchIsToldAtOnce) {
  fs::TreeChanges changes;
  for (fs::NodeId node = 1000; node < 31'000; ++node) changes.nodes.push_back(node);
  changes.directories = {2};
  ASSERT_TRUE(fake.tell(std::move(changes)));
  set_xattr();
  EXPECT_EQ(count_names(told(2)), 1);
  EXPECT_THAT(told(2), SizeIs(2));
  ASSERT_TRUE(fake.tell({.everything = true, .directories = {}, .names = {}, .nodes = {}}));
  EXPECT_EQ(count_names(told(3)), 2);
}

TEST_F(NoticesTest, AChangeOfOnesOwnIsToldBeforeItsAnswer) {
  fake.set_xattr = [this](auto, auto, auto, auto) { fake.tell(some); };
  EXPECT_EQ(set_xattr().error, 0);
  EXPECT_THAT(kernel.notices(), SizeIs(4));
  fake.unlink = [this](auto, auto) { fake.tell(some); };
  EXPECT_EQ(ask_name(FUSE_UNLINK, 2, "a").error, 0);
  EXPECT_THAT(kernel.notices(), SizeIs(8));
}

TEST_F(NoticesTest, WhoCanBeToldMayRememberForLong) { EXPECT_EQ(valid_of_lookup(), 3600U); }

TEST_F(NoticesTest, AfterTheEndNobodyIsTold) {
  end();
  EXPECT_FALSE(fake.tell(some));
}

// As Linux before 6.16.
class NoNoticesTest : public WireTest {
 protected:
  NoNoticesTest() : WireTest(nullptr, 0, 43) {}
};

TEST_F(NoNoticesTest, WhoCannotBeToldRemembersForASecond) {
  fake.find = [](fs::NodeId, std::string_view) {
    return std::optional(file_entry(11, 1, std::chrono::hours(1)));
  };
  const auto entry = ask_name(FUSE_LOOKUP, 2, "a").as<fuse_entry_out>();
  EXPECT_EQ(entry.entry_valid, 1U);
  EXPECT_EQ(entry.attr_valid, 1U);
  fake.listing_changed = [](auto) { return std::optional(fs::FileTime{}); };
  EXPECT_EQ(ask(FUSE_OPENDIR, 2, fuse_open_in{}).as<fuse_open_out>().open_flags, 0U);
  EXPECT_FALSE(fake.tell({.everything = true, .directories = {2}, .names = {}, .nodes = {11}}));
}

}  // namespace
}  // namespace glancefs::test
