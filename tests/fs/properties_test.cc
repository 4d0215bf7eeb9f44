// What is set on files and images: checked values, and changes that meet an upload.

#include "client/http.h"
#include "fs/write/upload.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::PropertyDefinition;
using client::Visibility;
using test::FakeImages;
using Call = FakeImages::Call;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::exception_ptr refusal(int status) {
  return std::make_exception_ptr(
      client::HttpError(client::Operation::kOther, status, "GET", "no", "req-1"));
}

class Checked : public RigTest {
 protected:
  Checked() {
    rig_.config.check_properties = true;
    PropertyDefinition bus;
    bus.name = "hw_disk_bus";
    bus.values = {"scsi", "virtio"};
    rig_.images.set_definitions({bus});
    rig_.images.add("a", "data", [](client::Image& image) {
      image.properties = {{"hw_disk_bus", "odd"}};
    });
  }
  int set(const std::string& key, const std::string& value, const std::string& name = "a") {
    return errno_thrown([&] {
      files().set_xattr(rig_.node("private", name), "user.glance." + key, value, XattrMode::kSet,
                        {});
    });
  }
};

TEST_F(Checked, AValueThatEveryDefinitionExcludesIsRefused) {
  rig_.start();
  EXPECT_EQ(set("hw_disk_bus", "nonsense"), EINVAL);
  EXPECT_EQ(rig_.images.calls(Call::kUpdate), 0);
  EXPECT_THAT(files().xattr(rig_.node("private", "a"), "user.glancefs.error").value_or(""),
              HasSubstr("hw_disk_bus: expected one of scsi, virtio"));
  EXPECT_EQ(set("hw_disk_bus", "scsi"), 0);
  EXPECT_EQ(set("unknown", "anything"), 0);
}

TEST_F(Checked, WhatIsThereMayStay) {
  rig_.start();
  EXPECT_EQ(set("hw_disk_bus", "odd"), 0);
}

TEST_F(Checked, FilesBeingWrittenAreCheckedWhenItIsSet) {
  rig_.start();
  auto [entry, opened] =
      files().create(rig_.directory_node("private"), "b", O_WRONLY | O_CREAT, kWriter, {});
  EXPECT_EQ(set("hw_disk_bus", "nonsense", "b"), EINVAL);
  EXPECT_EQ(set("hw_disk_bus", "virtio", "b"), 0);
  files().release(std::move(opened.handle));
}

TEST_F(Checked, DefinitionsAreAskedForOnceAndAfterARefresh) {
  rig_.start();
  EXPECT_EQ(rig_.images.calls(Call::kDefinitions), 0) << "nobody has set anything";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(set("x", std::to_string(i)), 0);
  EXPECT_EQ(rig_.images.calls(Call::kDefinitions), 1);
  rig_.images.set_definitions({});
  files().set_xattr(kRootNode, "user.glancefs.refresh", "1", XattrMode::kSet, {});
  EXPECT_EQ(set("hw_disk_bus", "nonsense"), 0);
  EXPECT_EQ(rig_.images.calls(Call::kDefinitions), 2);
}

TEST_F(Checked, WithoutDefinitionsEverythingIsAllowed) {
  rig_.images.fail(Call::kDefinitions, refusal(403), 100);
  rig_.start();
  EXPECT_EQ(set("hw_disk_bus", "nonsense"), 0);
  EXPECT_EQ(set("hw_disk_bus", "more"), 0);
  EXPECT_EQ(rig_.images.calls(Call::kDefinitions), 1) << "not before every change";
}

TEST_F(Checked, OthersWaitForTheFirstAndCanBeInterrupted) {
  rig_.start();
  rig_.images.hold(Call::kDefinitions);
  auto first = std::async(std::launch::async, [&] { return set("x", "1"); });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kDefinitions, 1));
  auto second = std::async(std::launch::async, [&] { return set("hw_disk_bus", "nonsense"); });
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(errno_thrown([&] {
              files().set_xattr(rig_.node("private", "a"), "user.glance.y", "1", XattrMode::kSet,
                                stop.get_token());
            }),
            EINTR);
  rig_.images.release(Call::kDefinitions);
  EXPECT_EQ(first.get(), 0);
  EXPECT_EQ(second.get(), EINVAL);
  EXPECT_EQ(rig_.images.calls(Call::kDefinitions), 1);
}

TEST_F(Checked, FreeAsksNothing) {
  rig_.config.check_properties = false;
  rig_.start();
  EXPECT_EQ(set("hw_disk_bus", "nonsense"), 0);
  EXPECT_EQ(rig_.images.calls(Call::kDefinitions), 0);
}

class DuringAnUpload : public RigTest {
 protected:
  DuringAnUpload() {
    rig_.start();
    auto [entry, opened] =
        files().create(rig_.directory_node("private"), "a", O_WRONLY | O_CREAT, kWriter, {});
    node_ = entry.node;
    opened_ = std::move(opened);
    write(opened_, 0, "data");
  }
  void set(const std::string& key, const std::string& value) {
    files().set_xattr(node_, "user.glance." + key, value, XattrMode::kSet, {});
  }
  void remove(const std::string& key) { files().remove_xattr(node_, "user.glance." + key, {}); }
  void begin() {
    rig_.images.hold(Call::kUpload);
    closing_ = std::async(std::launch::async, [this] {
      return errno_thrown([&] { files().flush(*opened_.handle, kWriter, {}); });
    });
    ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpload, 1));
  }
  int end() {
    rig_.images.release(Call::kUpload);
    const int error = closing_.get();
    files().release(std::move(opened_.handle));
    return error;
  }

  NodeId node_ = 0;
  Opened opened_;
  std::future<int> closing_;
};

TEST_F(DuringAnUpload, EverythingCanBeSetAndArrives) {
  set("old", "1");
  set("gone", "1");
  begin();
  set("name", "b");
  set("visibility", "community");
  set("protected", "true");
  set("os_hidden", "true");
  set("tags", "x,y");
  set("min_disk", "7");
  set("custom", "1");
  set("old", "2");
  remove("gone");
  EXPECT_EQ(rig_.images.calls(Call::kUpdate), 0) << "Glance would undo it";
  EXPECT_EQ(end(), 0);
  EXPECT_EQ(rig_.images.calls(Call::kUpdate), 1);
  const client::Image image = this->image("b");
  EXPECT_EQ(image.visibility, Visibility::kCommunity);
  EXPECT_TRUE(image.is_protected && image.hidden);
  EXPECT_THAT(image.tags, ElementsAre("x", "y"));
  EXPECT_EQ(image.min_disk, 7U);
  EXPECT_THAT(image.properties, Contains(Pair("custom", "1")));
  EXPECT_THAT(image.properties, Contains(Pair("old", "2")));
  EXPECT_EQ(client::find_property(image.properties, "gone"), nullptr);
}

TEST_F(DuringAnUpload, WhatCameAndWentCostsNothing) {
  begin();
  set("x", "1");
  remove("x");
  set("tags", "a");
  remove("tags");
  EXPECT_EQ(end(), 0);
  EXPECT_EQ(rig_.images.calls(Call::kUpdate), 0);
  EXPECT_EQ(files().xattr(node_, "user.glancefs.error"), std::nullopt);
}

TEST_F(DuringAnUpload, ARefusalStopsOnlyWhatItIsAbout) {
  begin();
  set("x", "1");
  set("visibility", "public");
  set("y", "1");
  EXPECT_EQ(end(), 0) << "the image is whole";
  EXPECT_THAT(image("a").properties, Contains(Pair("x", "1")));
  EXPECT_THAT(image("a").properties, Contains(Pair("y", "1")));
  EXPECT_EQ(image("a").visibility, Visibility::kPrivate);
  EXPECT_THAT(files().xattr(node_, "user.glancefs.error").value_or(""),
              HasSubstr("not authorized"));
}

TEST_F(DuringAnUpload, AfterAFailureItGoesWithTheNextTry) {
  rig_.images.fail(Call::kUpload,
                   std::make_exception_ptr(client::HttpError(client::Operation::kUpload, 413, "PUT",
                                                             "over a limit", "req-1")));
  begin();
  set("x", "1");
  EXPECT_EQ(end(), EDQUOT);
  remove("x");
  files().set_xattr(node_, "user.glancefs.upload", "1", XattrMode::kSet, {});
  EXPECT_EQ(client::find_property(image("a").properties, "x"), nullptr);
  EXPECT_EQ(rig_.images.calls(Call::kUpdate), 0);
}

class BeingWritten : public DuringAnUpload {};

// cp -a carries the name and the visibility of the image it copies from mount to mount.
TEST_F(BeingWritten, APathIsNotChangedByCopiedAttributes) {
  EXPECT_EQ(errno_thrown([&] { set("name", "b"); }), EPERM);
  EXPECT_EQ(errno_thrown([&] { set("visibility", "community"); }), EPERM);
  EXPECT_THAT(files().xattr(node_, "user.glancefs.error").value_or(""), HasSubstr("mv it"));
  set("name", "a");
  set("visibility", "private");
  begin();
  EXPECT_EQ(end(), 0);
  EXPECT_EQ(image("a").visibility, Visibility::kPrivate);
}

// A name set during an upload that has failed must not come back after the file was moved.
TEST_F(BeingWritten, TheLastNameCountsAlsoAfterARestart) {
  rig_.images.fail(Call::kUpload,
                   std::make_exception_ptr(client::HttpError(client::Operation::kUpload, 413, "PUT",
                                                             "over a limit", "req-1")));
  begin();
  set("name", "b");
  set("visibility", "community");
  EXPECT_THAT(pending(), HasSubstr("community/b"));
  EXPECT_EQ(end(), EDQUOT);
  files().rename(rig_.directory_node("private"), "a", rig_.directory_node("private"), "c", 0, {});
  rig_.config.recover = Recover::kKeep;
  rig_.restart();
  EXPECT_THAT(rig_.names("private"), ElementsAre("c"));
}

TEST_F(BeingWritten, WhatIsSetOnADoneFileIsSetOnTheImage) {
  begin();
  EXPECT_EQ(end(), 0);
  set("x", "1");
  EXPECT_THAT(image("a").properties, Contains(Pair("x", "1")));
}

// The caller has found a file, and it has become an image before anything was set.
TEST_F(BeingWritten, AnUploadThatIsDoneTakesNoChanges) {
  cache::SpoolRecord record;
  record.cloud = "other";
  record.image_id = client::new_uuid();
  record.directory = "private";
  record.name = "z";
  Upload upload(rig_.spools->create(record), image_of_record(record), false);
  upload.finish(upload.image());
  EXPECT_FALSE(upload.apply({.key = "x", .value = "1"}, "x", "1"));
}

TEST_F(BeingWritten, FreshRecordsDecideCreateAndReplace) {
  begin();
  EXPECT_EQ(end(), 0);
  rig_.images.edit(image("a").id, [](client::Image& image) { image.properties = {{"x", "1"}}; });
  EXPECT_EQ(
      errno_thrown([&] { files().set_xattr(node_, "user.glance.x", "2", XattrMode::kCreate, {}); }),
      EEXIST);
  files().set_xattr(node_, "user.glance.x", "2", XattrMode::kReplace, {});
  EXPECT_THAT(image("a").properties, Contains(Pair("x", "2")));
}

}  // namespace
}  // namespace glancefs::fs
