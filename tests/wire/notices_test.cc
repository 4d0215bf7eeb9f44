// What the kernel is told of changes, when, and how long it may believe what it was told before.
#include <gmock/gmock.h>

#include "tests/wire/wire_test.h"

namespace glancefs::test {
namespace {

using std::chrono::milliseconds;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int kIncreaseEpoch = 8;  // FUSE_NOTIFY_INC_EPOCH, Linux 6.16

class NoticesTest : public WireTest {
 protected:
  static bool is_name(const FakeKernel::Notice& notice, std::uint64_t parent,
                      const std::string& name) {
    return notice.code == FUSE_NOTIFY_INVAL_ENTRY &&
           notice.content.as<fuse_notify_inval_entry_out>().parent == parent &&
           notice.name() == name;
  }
  static bool is_inode(const FakeKernel::Notice& notice, std::uint64_t node, std::int64_t offset) {
    return notice.code == FUSE_NOTIFY_INVAL_INODE &&
           notice.content.as<fuse_notify_inval_inode_out>().ino == node &&
           notice.content.as<fuse_notify_inval_inode_out>().off == offset;
  }
  template <typename... Arguments>
  static long count(const std::vector<FakeKernel::Notice>& notices,
                    bool (*matches)(const FakeKernel::Notice&, Arguments...),
                    std::type_identity_t<Arguments>... arguments) {
    return std::ranges::count_if(
        notices, [&](const FakeKernel::Notice& notice) { return matches(notice, arguments...); });
  }

  std::uint64_t valid_of_lookup() {
    fake.find = [](fs::NodeId, std::string_view) {
      return std::optional(file_entry(11, 1, std::chrono::hours(1)));
    };
    return ask_name(FUSE_LOOKUP, 2, "a").as<fuse_entry_out>().entry_valid;
  }
};

TEST_F(NoticesTest, EachChangeIsToldInTheFormTheKernelWants) {
  ASSERT_TRUE(fake.tell({.everything = false,
                         .directories = {2},
                         .names = {{.directory = 2, .name = "a"}, {.directory = 3, .name = "b~1"}},
                         .nodes = {11}}));
  const auto told = kernel.wait_for_notices(4);
  EXPECT_THAT(told, SizeIs(4));
  EXPECT_EQ(count(told, is_inode, 11, -1), 1) << "attributes only: its pages stay";
  EXPECT_EQ(count(told, is_inode, 2, 0), 1) << "with the listing that is kept";
  EXPECT_EQ(count(told, is_name, 2, "a"), 1);
  EXPECT_EQ(count(told, is_name, 3, "b~1"), 1);
  for (const auto& notice : told) {
    if (notice.code != FUSE_NOTIFY_INVAL_ENTRY) continue;
    EXPECT_EQ(notice.content.as<fuse_notify_inval_entry_out>().flags, 1U) << "FUSE_EXPIRE_ONLY";
    EXPECT_TRUE(notice.content.text().ends_with('\0'));
  }
}

TEST_F(NoticesTest, WhatIsTooMuchIsToldAtOnce) {
  ASSERT_TRUE(fake.tell({.everything = true, .directories = {2}, .names = {}, .nodes = {}}));
  const auto told = kernel.wait_for_notices(2);
  EXPECT_EQ(count(told, is_inode, 2, 0), 1);
  EXPECT_EQ(std::ranges::count(told, kIncreaseEpoch, &FakeKernel::Notice::code), 1);
}

TEST_F(NoticesTest, TheQueueIsBounded) {
  fs::TreeChanges changes;
  for (int i = 0; i < 30'000; ++i) {
    changes.names.push_back({.directory = 2, .name = std::to_string(i)});
  }
  changes.directories = {2};
  ASSERT_TRUE(fake.tell(std::move(changes)));
  EXPECT_THAT(kernel.wait_for_notices(2), SizeIs(2));
  set_xattr();  // a round trip through the queue: nothing more comes
  EXPECT_THAT(kernel.notices(), SizeIs(2));
}

TEST_F(NoticesTest, AChangeOfOnesOwnIsToldBeforeItsAnswer) {
  fake.set_xattr = [this](auto, auto, auto, auto) {
    fake.tell({.everything = false,
               .directories = {2},
               .names = {{.directory = 2, .name = "old"}},
               .nodes = {11}});
  };
  EXPECT_EQ(set_xattr().error, 0);
  EXPECT_THAT(kernel.notices(), SizeIs(3));
}

// The kernel holds the directory until it has the answer to the unlink: names must come later,
// listings and attributes need not.
TEST_F(NoticesTest, TheListingIsGoneBeforeAnUnlinkIsAnswered) {
  fake.unlink = [this](auto, auto) {
    fake.tell({.everything = false,
               .directories = {2},
               .names = {{.directory = 2, .name = "a"}},
               .nodes = {11}});
  };
  EXPECT_EQ(ask_name(FUSE_UNLINK, 2, "a").error, 0);
  const auto told = kernel.notices();
  EXPECT_EQ(count(told, is_inode, 11, -1), 1);
  EXPECT_EQ(count(told, is_inode, 2, 0), 1);
  EXPECT_EQ(count(kernel.wait_for_notices(3), is_name, 2, "a"), 1);
}

TEST_F(NoticesTest, WhoCanBeToldMayRememberForLong) { EXPECT_EQ(valid_of_lookup(), 3600U); }

TEST_F(NoticesTest, WhoCannotBeToldRemembersForASecond) {
  // So long that the socket takes no such message, as a kernel that refuses one.
  ASSERT_TRUE(fake.tell({.everything = false,
                         .directories = {},
                         .names = {{.directory = 2, .name = std::string(4 << 20, 'x')}},
                         .nodes = {}}));
  set_xattr();  // returns when that has been tried
  EXPECT_EQ(valid_of_lookup(), 1U);
  fake.listing_changed = [](auto) { return std::optional(fs::FileTime{}); };
  EXPECT_EQ(ask(FUSE_OPENDIR, 2, fuse_open_in{}).as<fuse_open_out>().open_flags, 0U);
  ASSERT_TRUE(fake.tell({.everything = false, .directories = {2}, .names = {}, .nodes = {}}));
  set_xattr();
  EXPECT_THAT(kernel.notices(), IsEmpty());
}

TEST_F(NoticesTest, AfterTheEndNobodyIsTold) {
  end();
  EXPECT_FALSE(fake.tell({.everything = true, .directories = {}, .names = {}, .nodes = {}}));
}

}  // namespace
}  // namespace glancefs::test
