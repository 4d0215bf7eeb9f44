#include "fs/transfers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fs/attributes/local_xattrs.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

Transfer sample() {
  return {.direction = Transfer::Direction::kUpload,
          .id = "1234",
          .file = "private/a\nb",
          .state = "uploading",
          .bytes = 1000,
          .size = 4000,
          .rate = 500.0,
          .attempt = 2,
          .more = "more"};
}

TEST(Transfers, ALineEach) {
  EXPECT_EQ(transfers_text({sample()}),
            "upload 1234 private/a\\x0ab: uploading, 1000 of 4000 bytes, 500 bytes/s, 6 s left, "
            "attempt 2  more\n");
  EXPECT_EQ(transfers_text({}), "");
}

TEST(Transfers, AsJson) {
  Transfer transfer = sample();
  transfer.file = "private/\xff";
  const std::string json = transfers_json({transfer});
  EXPECT_THAT(json, HasSubstr("\"seconds_left\": 6"));
  EXPECT_THAT(json, HasSubstr("\"rate\": 500,"));
  EXPECT_THAT(json, HasSubstr("\"direction\": \"upload\""));
  EXPECT_EQ(transfers_json({}), "[]\n");
}

TEST(Transfers, WhatIsNotKnownIsNotGuessed) {
  Transfer transfer = sample();
  transfer.rate = std::nullopt;
  EXPECT_EQ(transfer.seconds_left(), std::nullopt);
  transfer.rate = 0.0;
  EXPECT_EQ(transfer.seconds_left(), std::nullopt);
  EXPECT_EQ(rate_of(1000, std::chrono::milliseconds(1)), std::nullopt);
  EXPECT_EQ(rate_of(1000, std::chrono::seconds(2)), 500.0);
}

class TransferTest : public RigTest {};

TEST_F(TransferTest, CancellingWhatIsNotOnItsWay) {
  rig_.images.add("a", "data");
  rig_.start();
  const NodeId node = rig_.node("private", "a");
  EXPECT_EQ(errno_thrown([&] { files().cancel_transfer(node, {}); }), ENODATA);
  EXPECT_EQ(errno_thrown([&] { files().cancel_transfer(kRootNode, {}); }), EISDIR);
  EXPECT_EQ(errno_thrown([&] { files().cancel_transfer(node + 1, {}); }), ESTALE);
  EXPECT_THAT(files().transfers(), IsEmpty());
}

TEST_F(TransferTest, AFileThatIsBeingWrittenIsNotCancelled) {
  rig_.start();
  auto [entry, opened] =
      files().create(rig_.directory_node("private"), "a", O_WRONLY | O_CREAT, kWriter, {});
  write(opened, 0, "data");
  EXPECT_EQ(errno_thrown([&] { files().cancel_transfer(entry.node, {}); }), EBUSY);
  const auto transfers = files().transfers();
  ASSERT_EQ(transfers.size(), 1U);
  EXPECT_EQ(transfers[0].state, "being written");
  EXPECT_EQ(transfers[0].size, 4U);
  files().release(std::move(opened.handle));
  files().cancel_transfer(entry.node, {});
  EXPECT_EQ(files().transfers()[0].state, "unfinished");
  EXPECT_THAT(rig_.control("pending"), HasSubstr("cancelled"));
}

TEST_F(TransferTest, TheCacheGivesUpWhatIsNotPinned) {
  rig_.images.add("a", pattern(100000));
  rig_.start();
  const NodeId node = rig_.node("private", "a");
  rig_.read_all(node);
  EXPECT_EQ(files().cached(node).present, 100000U);
  files().set_xattr(node, "user.glancefs.pin", "1", XattrMode::kSet, {});
  EXPECT_EQ(errno_thrown([&] { files().drop_cached(node); }), EPERM);
  EXPECT_TRUE(files().cached(node).pinned);
  files().set_xattr(node, "user.glancefs.pin", "0", XattrMode::kSet, {});
  files().drop_cached(node);
  EXPECT_EQ(files().cached(node).present, 0U);
}

}  // namespace
}  // namespace glancefs::fs
