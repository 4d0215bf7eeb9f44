// user.glancefs.*: prefetch and pin.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/fs/rig.h"

namespace glancefs::fs {
namespace {

using Call = test::FakeImages::Call;

class LocalXattrsTest : public ::testing::Test {
 protected:
  NodeId add(const std::string& data, const std::function<void(client::Image&)>& adjust = {}) {
    rig_.images.add("a", data, adjust);
    rig_.start();
    return rig_.node("private", "a");
  }
  // Nobody tells when a prefetch has ended; it shows in the attribute.
  void wait_until_prefetched(NodeId node) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (rig_.files().xattr(node, "user.glancefs.prefetch") == "1") {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "still prefetching";
      std::this_thread::yield();
    }
  }

  Rig rig_;
};

TEST_F(LocalXattrsTest, PrefetchBringsTheWholeImage) {
  const std::string data = pattern(5'000'000);
  const NodeId node = add(data);
  EXPECT_EQ(rig_.files().xattr(node, "user.glancefs.prefetch"), "0");
  rig_.images.hold(Call::kDownload);
  rig_.files().set_xattr(node, "user.glancefs.prefetch", "1", XattrMode::kSet, {});
  EXPECT_EQ(rig_.files().xattr(node, "user.glancefs.prefetch"), "1");
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kDownload, 1));
  rig_.images.release(Call::kDownload);
  wait_until_prefetched(node);
  EXPECT_EQ(rig_.files().xattr(node, "user.glancefs.cached"), "100% sealed");
}

TEST_F(LocalXattrsTest, APrefetchCanBeCalledOff) {
  const NodeId node = add(pattern(5'000'000));
  rig_.images.hold(Call::kDownload);
  rig_.files().set_xattr(node, "user.glancefs.prefetch", "1", XattrMode::kSet, {});
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kDownload, 1));
  rig_.files().remove_xattr(node, "user.glancefs.prefetch", {});
  wait_until_prefetched(node);
  rig_.images.release(Call::kDownload);
  EXPECT_NE(rig_.files().xattr(node, "user.glancefs.cached"), "100% sealed");
}

TEST_F(LocalXattrsTest, APrefetchThatTheCacheCannotKeepEnds) {
  rig_.store = cache::make_memory_store(1 << 20);
  const NodeId node = add(pattern(5'000'000));
  rig_.files().set_xattr(node, "user.glancefs.prefetch", "1", XattrMode::kSet, {});
  wait_until_prefetched(node);
  EXPECT_THAT(rig_.files().xattr(node, "user.glancefs.error").value_or(""),
              ::testing::HasSubstr("cannot keep"));
}

TEST_F(LocalXattrsTest, APinIsKeptAndBringsTheImage) {
  const NodeId node = add(pattern(100'000));
  EXPECT_EQ(rig_.files().xattr(node, "user.glancefs.pin"), "0");
  rig_.files().set_xattr(node, "user.glancefs.pin", "yes", XattrMode::kSet, {});
  EXPECT_EQ(rig_.files().xattr(node, "user.glancefs.pin"), "1");
  wait_until_prefetched(node);
  EXPECT_EQ(rig_.files().xattr(node, "user.glancefs.cached"), "100% sealed");
  rig_.files().set_xattr(node, "user.glancefs.pin", "0", XattrMode::kSet, {});
  EXPECT_EQ(rig_.files().xattr(node, "user.glancefs.pin"), "0");
}

TEST_F(LocalXattrsTest, OnlyWhatCanBeReadCanBePrefetched) {
  const NodeId queued = add("", [](client::Image& image) {
    image.status = client::Status::kQueued;
    image.status_word = "queued";
  });
  const auto prefetch = [&](NodeId which, const std::string& value) {
    return errno_thrown([&] {
      rig_.files().set_xattr(which, "user.glancefs.prefetch", value, XattrMode::kSet, {});
    });
  };
  EXPECT_EQ(prefetch(queued, "1"), ENODATA);
  EXPECT_EQ(prefetch(kRootNode, "1"), EISDIR);
  EXPECT_EQ(prefetch(add("data"), "perhaps"), EINVAL);
}

}  // namespace
}  // namespace glancefs::fs
