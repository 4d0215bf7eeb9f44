// Protecting and tagging images through Filesystem, and what is made elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdio.h>

#include "client/http.h"
#include "tests/fs/rig.h"

namespace glancefs::fs {
namespace {

using client::Status;
using client::Visibility;
using test::FakeImages;
using Call = FakeImages::Call;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

class Changing : public testing::Test {
 protected:
  Changing() {
    id_ = rig_.images.add("a", "data").id;
    rig_.start();
    node_ = rig_.node("private", "a");
    private_ = rig_.directory_node("private");
  }
  Filesystem& files() { return rig_.files(); }
  client::Image image() { return rig_.images.find(id_).value(); }
  void set(const std::string& name, const std::string& value, XattrMode mode = XattrMode::kSet) {
    files().set_xattr(node_, name, value, mode, {});
  }

  Rig rig_;
  std::string id_;
  NodeId node_ = 0, private_ = 0;
};

TEST_F(Changing, PropertiesComeAndGo) {
  set("user.glance.os_distro", "debian");
  EXPECT_EQ(*client::find_property(image().properties, "os_distro"), "debian");
  EXPECT_EQ(files().xattr(node_, "user.glance.os_distro"), "debian");
  EXPECT_THAT(files().xattr_names(node_), Contains("user.glance.os_distro"));
  files().remove_xattr(node_, "user.glance.os_distro", {});
  EXPECT_EQ(client::find_property(image().properties, "os_distro"), nullptr);
  EXPECT_EQ(files().xattr(node_, "user.glance.os_distro"), std::nullopt);
}

TEST_F(Changing, CreateAndReplaceAreToldApart) {
  EXPECT_EQ(errno_thrown([&] { set("user.glance.x", "1", XattrMode::kReplace); }), ENODATA);
  set("user.glance.x", "1", XattrMode::kCreate);
  EXPECT_EQ(errno_thrown([&] { set("user.glance.x", "2", XattrMode::kCreate); }), EEXIST);
  set("user.glance.x", "2", XattrMode::kReplace);
  EXPECT_EQ(files().xattr(node_, "user.glance.x"), "2");
}

TEST_F(Changing, AnEqualValueCostsNoRequest) {
  set("user.glance.id", id_);
  set("user.glance.name", "a");
  EXPECT_EQ(rig_.images.calls(Call::kUpdate), 0);
}

TEST_F(Changing, ReadOnlyKeysAreRefused) {
  EXPECT_EQ(errno_thrown([&] { set("user.glance.id", "x"); }), EPERM);
  EXPECT_EQ(errno_thrown([&] { set("user.glance.size", "5"); }), EPERM);
  EXPECT_EQ(errno_thrown([&] { set("user.glance.disk_format", "iso"); }), EPERM);
  EXPECT_EQ(errno_thrown([&] { files().remove_xattr(node_, "user.glance.id", {}); }), EPERM);
}

TEST_F(Changing, NamesThatGlanceDropsSilentlyAreRefused) {
  for (const char* key : {"context", "delete", "get_data", "member", "image_id"}) {
    EXPECT_EQ(errno_thrown([&] { set(std::string("user.glance.") + key, "x"); }), EINVAL) << key;
  }
  EXPECT_EQ(rig_.images.calls(Call::kUpdate), 0);
}

TEST_F(Changing, OtherNamespacesAreNotSupported) {
  EXPECT_EQ(errno_thrown([&] { set("user.xdg.origin.url", "http://x"); }), ENOTSUP);
  EXPECT_EQ(files().xattr(node_, "user.xdg.origin.url"), std::nullopt);
}

TEST_F(Changing, TheWriteBitIsTheProtection) {
  files().change(node_, {.mode = 0444, .size = {}, .uid = {}, .gid = {}}, nullptr, {});
  EXPECT_TRUE(image().is_protected);
  EXPECT_EQ(files().attributes(node_).mode & 0777, 0444U);
  files().change(node_, {.mode = 0644, .size = {}, .uid = {}, .gid = {}}, nullptr, {});
  EXPECT_FALSE(image().is_protected);
}

TEST_F(Changing, SizesAndForeignOwnersAreRefused) {
  EXPECT_EQ(errno_thrown([&] {
              files().change(node_, {.mode = {}, .size = 0, .uid = {}, .gid = {}}, nullptr, {});
            }),
            EPERM);
  EXPECT_EQ(errno_thrown([&] {
              files().change(node_, {.mode = {}, .size = {}, .uid = 4711, .gid = {}}, nullptr, {});
            }),
            EPERM);
}

TEST_F(Changing, ChangesMadeElsewhereAppearAfterARefresh) {
  rig_.images.erase(id_);
  rig_.images.add("b", "data");
  files().set_xattr(kRootNode, "user.glancefs.refresh", "1", XattrMode::kSet, {});
  EXPECT_THAT(rig_.names("private"), ElementsAre("b"));
}

TEST_F(Changing, AnImageMadeElsewhereIsFoundWhenAskedFor) {
  rig_.images.add("new", "data");
  EXPECT_NE(rig_.node("private", "new"), 0U);
}

TEST_F(Changing, UnknownNamesAreNotAskedForAgainAndAgain) {
  for (int i = 0; i < 1000; ++i) rig_.node("private", "no" + std::to_string(i));
  EXPECT_LE(rig_.images.calls(Call::kList), 2 + 3);
}

TEST_F(Changing, ByIdReachesEveryImage) {
  const NodeId control = files().find(kRootNode, ".glancefs")->node;
  const NodeId by_id = files().find(control, "by-id")->node;
  EXPECT_EQ(files().find(by_id, id_)->node, node_);
  EXPECT_EQ(files().find(by_id, "no-such-id")->node, 0U);
}

TEST_F(Changing, AReadOnlyMountChangesNothing) {
  rig_.config.read_only = true;
  rig_.restart();
  EXPECT_EQ(errno_thrown([&] { files().unlink(private_, "a", {}); }), EROFS);
  EXPECT_EQ(errno_thrown([&] { files().rename(private_, "a", private_, "b", 0, {}); }), EROFS);
  EXPECT_EQ(errno_thrown([&] { set("user.glance.x", "1"); }), EROFS);
}

// As `mount -o remount` asks for it.
TEST_F(Changing, AMountBecomesReadOnlyAndWritable) {
  const auto switch_to = [&](const std::string& value) {
    files().set_xattr(kRootNode, "user.glancefs.read_only", value, XattrMode::kSet, {});
  };
  switch_to("1");
  EXPECT_EQ(files().xattr(kRootNode, "user.glancefs.read_only"), "1");
  EXPECT_EQ(errno_thrown([&] { set("user.glance.x", "1"); }), EROFS);
  EXPECT_EQ(files().find(private_, "a")->attributes.mode & 0777U, 0644U) << "as other file systems";
  switch_to("0");
  set("user.glance.x", "1");
  EXPECT_EQ(files().xattr(node_, "user.glance.x"), "1");
  EXPECT_EQ(files().xattr(node_, "user.glancefs.read_only"), std::nullopt);
}

TEST_F(Changing, TheFirstListingMustSucceed) {
  rig_.images.fail(Call::kList, std::make_exception_ptr(client::HttpError(
                                    client::Operation::kList, 403, "GET", "no", "req-1")));
  EXPECT_EQ(errno_thrown([&] { rig_.restart(); }), EACCES);
}

TEST_F(Changing, DfTellsTheQuota) {
  rig_.images.set_quota({.size_limit = 1000, .size_used = 400, .count_limit = 10, .count_used = 4});
  rig_.restart();
  EXPECT_EQ(files().statistics().bytes_total, 1000U);
  EXPECT_EQ(files().statistics().bytes_free, 600U);
  EXPECT_EQ(files().statistics().files_free, 6U);
}

}  // namespace
}  // namespace glancefs::fs
