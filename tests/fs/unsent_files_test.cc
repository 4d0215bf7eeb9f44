// Files that are not at Glance yet: their names and attributes, what a remount makes of them, and
// those that fill an image which somebody else had queued.
#include <filesystem>

#include "client/http.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::Status;
using Call = test::FakeImages::Call;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::exception_ptr http(client::Operation operation, int status) {
  return std::make_exception_ptr(client::HttpError(operation, status, "METHOD", "no", "req-1"));
}

class UnsentFiles : public RigTest {
 protected:
  UnsentFiles() {
    rig_.config.upload_delay = std::chrono::hours(1);
    rig_.config.upload_pause = std::chrono::milliseconds(0);
    rig_.config.recover = Recover::kKeep;  // no mount sends what a test has not asked for
    rig_.start();
  }
  NodeId directory(const std::string& name = "private") { return rig_.directory_node(name); }
  Opened create(const std::string& name) {
    return files().create(directory(), name, O_RDWR | O_CREAT, kWriter, {}).second;
  }
  /// A file of its own or one that fills the image q, with some bytes and no program.
  void leave(const std::string& name, int flags = O_RDWR) {
    const NodeId node = rig_.node("private", name);
    Opened file = node == 0 ? create(name) : files().open(node, flags, kWriter, {});
    write(file, 0, "data");
    files().release(std::move(file.handle));
  }
  void set(const std::string& name, const std::string& key, const std::string& value) {
    files().set_xattr(rig_.node("private", name), "user.glance." + key, value, XattrMode::kSet, {});
  }
  void take(const std::string& name, const std::string& key) {
    files().remove_xattr(rig_.node("private", name), "user.glance." + key, {});
  }
  std::string get(const std::string& name, const std::string& key) {
    return files().xattr(rig_.node("private", name), "user.glance." + key).value_or("none");
  }
  int upload(const std::string& name, const std::string& parent = "private") {
    const NodeId node = rig_.node(parent, name);
    return errno_thrown(
        [&] { files().set_xattr(node, "user.glancefs.upload", "1", XattrMode::kSet, {}); });
  }
  void queue_an_image() {
    client::Image queued = queued_image();
    queued.properties = {{"os_distro", "debian"}};
    rig_.images.put(queued);
    rig_.restart();
  }
  bool journal_is_empty() const { return std::filesystem::is_empty(rig_.directory / "state"); }
};

TEST_F(UnsentFiles, OnlyFileNamesThatBeginWithADotStay) {
  rig_.copy_in("private", "%2Eglancefs", "data");
  EXPECT_EQ(image(".glancefs").status, Status::kActive);
  leave(".tmp");
  files().rename(directory(), ".tmp", directory(), "%2E%2E", 0, {});
  EXPECT_EQ(image("..").status, Status::kActive);
}

TEST_F(UnsentFiles, AreListedAlsoIfTheImageWillBeHidden) {
  leave("a");
  set("a", "os_hidden", "true");
  EXPECT_THAT(rig_.names("private"), ElementsAre("a"));
  files().rename(directory(), "a", directory(), "b", 0, {});
  EXPECT_THAT(rig_.names("private"), ElementsAre("b"));
  EXPECT_EQ(upload("b"), 0);
  EXPECT_TRUE(image("b").hidden);
  EXPECT_THAT(rig_.names("private"), IsEmpty());
}

TEST_F(UnsentFiles, WhatWasTakenBackDoesNotStopTheNextMount) {
  leave("a");
  for (const std::string key : {"min_ram", "min_disk", "protected", "os_hidden"}) take("a", key);
  set("a", "tags", "x");
  take("a", "tags");
  rig_.restart();
  EXPECT_EQ(get("a", "min_ram"), "0");
  EXPECT_EQ(get("a", "tags"), "none");
  EXPECT_EQ(upload("a"), 0);
}

TEST_F(UnsentFiles, WhatSomebodyWroteToTheEndIsNotWhole) {
  leave("a");
  Opened again = files().open(rig_.node("private", "a"), O_RDWR, kWriter, {});
  write(again, 0, "ha");
  files().abandon(std::move(again.handle));
  rig_.restart();
  EXPECT_THAT(pending(), HasSubstr("unfinished"));
  EXPECT_EQ(rig_.images.count(), 0U);
}

// Whoever had queued it has removed it: the record that takes its place is ours, and so goes with
// the failure.
TEST_F(UnsentFiles, WhatIsMadeInPlaceOfARecordThatIsGoneIsNotLeftBehind) {
  queue_an_image();
  Opened file = files().open(rig_.node("private", "q"), O_WRONLY, kWriter, {});
  write(file, 0, "data");
  rig_.images.erase(image("q").id);
  rig_.images.fail(Call::kUpload, http(client::Operation::kUpload, 413));
  EXPECT_EQ(errno_thrown([&] { files().flush(*file.handle, kWriter, {}); }), EDQUOT);
  EXPECT_EQ(rig_.images.count(), 0U);
  files().release(std::move(file.handle));
  EXPECT_EQ(upload("q"), 0);
  EXPECT_EQ(rig_.images.data(image("q").id), "data");
}

TEST_F(UnsentFiles, AnEmptyOneThatGotADotNameIsForgotten) {
  files().release(create("a").handle);
  files().rename(directory(), "a", directory(), ".a", 0, {});
  rig_.restart();
  EXPECT_THAT(rig_.names("private"), IsEmpty());
  EXPECT_TRUE(journal_is_empty());
}

TEST_F(UnsentFiles, HaveOneNameAfterEachFailure) {
  const auto quota = http(client::Operation::kUpload, 413);
  leave("a");
  for (int i = 0; i < 3; ++i) {
    rig_.images.fail(Call::kUpload, quota);
    EXPECT_EQ(upload("a"), EDQUOT);
    EXPECT_THAT(rig_.names("private"), ElementsAre("a"));
  }
  const auto why = files().xattr(rig_.node("private", "a"), "user.glancefs.error");
  EXPECT_THAT(why.value_or(""), HasSubstr("413"));
  files().rename(directory(), "a", directory(), "b", 0, {});
  EXPECT_THAT(rig_.names("private"), ElementsAre("b"));
  EXPECT_EQ(upload("b"), 0);
  EXPECT_THAT(rig_.names("private"), ElementsAre("b"));
}

TEST_F(UnsentFiles, TheNewNameOfAFilledImageSurvivesARemount) {
  queue_an_image();
  leave("q");
  files().rename(directory(), "q", directory(), "r", 0, {});
  rig_.restart();
  EXPECT_EQ(upload("r"), 0);
  EXPECT_EQ(image("r").status, Status::kActive);
  EXPECT_THAT(rig_.names("private"), ElementsAre("r"));
}

TEST_F(UnsentFiles, APropertyIsTakenFromAFilledImageThereAndThen) {
  queue_an_image();
  leave("q");
  take("q", "os_distro");
  EXPECT_EQ(client::find_property(image("q").properties, "os_distro"), nullptr);
  EXPECT_EQ(get("q", "os_distro"), "none");
  set("q", "hw_disk_bus", "scsi");
  take("q", "hw_disk_bus");  // Glance has not heard of it
  EXPECT_EQ(upload("q"), 0);
  EXPECT_EQ(get("q", "os_distro"), "none");
  EXPECT_EQ(get("q", "hw_disk_bus"), "none");
}

TEST_F(UnsentFiles, StayWhereGlanceRefusesToDeleteTheFilledImage) {
  queue_an_image();
  leave("q");
  rig_.images.fail(Call::kRemove, http(client::Operation::kRemove, 403));
  EXPECT_EQ(errno_thrown([&] { files().unlink(directory(), "q", {}); }), EACCES);
  EXPECT_THAT(pending(), HasSubstr("private/q"));
  EXPECT_EQ(rig_.read_all(rig_.node("private", "q")), "data");
  EXPECT_EQ(upload("q"), 0);
  EXPECT_EQ(image("q").status, Status::kActive);
}

TEST_F(UnsentFiles, GoWithAFilledImageThatIsGoneAlready) {
  queue_an_image();
  leave("q");
  rig_.images.erase(image("q").id);
  files().unlink(directory(), "q", {});
  EXPECT_THAT(rig_.names("private"), IsEmpty());
  EXPECT_THAT(pending(), IsEmpty());
  EXPECT_TRUE(journal_is_empty());
}

}  // namespace
}  // namespace glancefs::fs
