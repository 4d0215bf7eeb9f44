// overwrite=replace: a new image takes the place of an old one, and what becomes of both when that
// fails half-way.
#include <filesystem>

#include "cache/spool_journal.h"
#include "client/http.h"
#include "fs/write/inheritance.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::HttpError;
using client::Operation;
using client::Status;
using test::FakeImages;
using Call = FakeImages::Call;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

std::exception_ptr http(Operation operation, int status, const std::string& message = "no") {
  return std::make_exception_ptr(HttpError(operation, status, "PUT", message, "req-1"));
}

class Replacing : public RigTest {
 protected:
  Replacing() {
    rig_.config.replace = true;
    rig_.config.upload_pause = std::chrono::milliseconds(0);
    rig_.config.upload_delay = std::chrono::hours(1);
    old_ = rig_.images.add("a", "old bytes").id;
    rig_.start();
  }
  NodeId directory() { return rig_.directory_node("private"); }
  // As the kernel: what is stale is looked up again, once.
  std::pair<NodeId, Opened> open(const std::string& name, int flags = O_WRONLY | O_TRUNC,
                                 Caller caller = kWriter, const std::string& where = "private") {
    NodeId node = rig_.node(where, name);
    try {
      return {node, files().open(node, flags, caller, {})};
    } catch (const std::system_error& error) {
      if (error.code().value() != ESTALE) throw;
    }
    node = rig_.node(where, name);
    return {node, files().open(node, flags, caller, {})};
  }
  int close(Opened& file) {
    const int error = errno_thrown([&] { files().flush(*file.handle, kWriter, {}); });
    files().release(std::move(file.handle));
    return error;
  }
  // cp(1) over a file.
  int overwrite(const std::string& text, const std::string& name = "a") {
    auto [node, file] = open(name);
    write(file, 0, text);
    return close(file);
  }
  int rename_error(const std::string& from, const std::string& to, unsigned flags = 0) {
    return errno_thrown([&] { files().rename(directory(), from, directory(), to, flags, {}); });
  }
  std::string text_of(const std::string& name) { return rig_.read_all(rig_.node("private", name)); }
  std::string error_of(const std::string& name) {
    return files().xattr(rig_.node("private", name), "user.glancefs.error").value_or("");
  }
  client::Image old_image() { return rig_.images.find(old_).value_or(client::Image()); }
  // The id of the image called a that is not the old one.
  std::string new_id() {
    std::string found;
    rig_.images.list({},
                     [&](client::Image&& image) {
                       if (image.name == "a" && image.id != old_) found = image.id;
                     },
                     {});
    return found;
  }
  client::Image new_image() { return rig_.images.find(new_id()).value_or(client::Image()); }
  void expect_replaced(const std::string& text) {
    EXPECT_THAT(rig_.names("private"), ElementsAre("a"));
    EXPECT_EQ(text_of("a"), text);
    EXPECT_EQ(rig_.images.data(new_id()), text);
    EXPECT_FALSE(new_image().hidden);
    EXPECT_TRUE(old_image().hidden);
    EXPECT_EQ(rig_.images.data(old_), "old bytes");
    EXPECT_EQ(pending(), "");
  }
  void expect_untouched() {
    EXPECT_EQ(text_of("a"), "old bytes");
    EXPECT_FALSE(old_image().hidden);
    EXPECT_EQ(old_image().name, "a");
  }
  // What shows the file that waits: its alias.
  std::string alias() {
    for (const std::string& name : rig_.names("private")) {
      if (name.starts_with("a~")) return name;
    }
    return {};
  }
  bool journal_is_empty() const { return std::filesystem::is_empty(rig_.directory / "state"); }

  std::string old_;
};

TEST_F(Replacing, ANewImageTakesTheNameAndTheOldOneIsHidden) {
  EXPECT_EQ(overwrite("new"), 0);
  expect_replaced("new");
  EXPECT_TRUE(journal_is_empty());
}

TEST_F(Replacing, TheOldOneIsDeletedWhereThatIsWanted) {
  rig_.config.replaced = Replaced::kDelete;
  rig_.restart();
  EXPECT_EQ(overwrite("new"), 0);
  EXPECT_EQ(rig_.images.count(), 1U);
  EXPECT_EQ(text_of("a"), "new");
}

TEST_F(Replacing, AnOldOneInUseIsHiddenInsteadOfDeleted) {
  rig_.config.replaced = Replaced::kDelete;
  rig_.restart();
  rig_.images.fail(Call::kRemove, http(Operation::kRemove, 409, "in use"));
  EXPECT_EQ(overwrite("new"), 0);
  expect_replaced("new");
}

TEST_F(Replacing, IsOffUnlessItIsAskedFor) {
  rig_.config.replace = false;
  rig_.restart();
  EXPECT_EQ(errno_thrown([&] { open("a"); }), EPERM);
  rig_.copy_in("private", "b", "b");
  EXPECT_EQ(rename_error("b", "a"), EEXIST);
  EXPECT_THAT(error_of("b"), HasSubstr("overwrite=replace"));
  expect_untouched();
}

// Two images of one name are an error to whoever names one to OpenStack's clients.
TEST_F(Replacing, UntilItIsWholeTheNewOneIsInNoList) {
  rig_.images.hold(Call::kUpload);
  auto [node, file] = open("a");
  write(file, 0, "new");
  auto closing = std::async(std::launch::async, [&, &file = file] { return close(file); });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpload, 1));
  int listed = 0;
  rig_.images.list({}, [&](client::Image&& image) { listed += image.name == "a" ? 1 : 0; }, {});
  EXPECT_EQ(listed, 1);
  EXPECT_FALSE(old_image().hidden);
  rig_.images.release(Call::kUpload);
  EXPECT_EQ(closing.get(), 0);
  expect_replaced("new");
}

TEST_F(Replacing, WhileItIsWrittenTheNameLeadsToTheFileAndReadersKeepTheOld) {
  const NodeId old_node = rig_.node("private", "a");
  Opened reader = files().open(old_node, O_RDONLY, {}, {});
  auto [node, file] = open("a", O_RDWR | O_TRUNC);
  write(file, 0, "new");
  EXPECT_NE(node, old_node);
  EXPECT_EQ(rig_.node("private", "a"), node);
  EXPECT_EQ(text_of("a"), "new");
  EXPECT_EQ(rig_.read(*reader.handle, 0, 100), "old bytes");
  EXPECT_EQ(text_of("a~" + old_.substr(0, 8)), "old bytes");
  EXPECT_EQ(files().attributes(old_node).size, 9U);
  files().release(std::move(reader.handle));
  files().release(std::move(file.handle));
}

TEST_F(Replacing, WhatReadersHaveOpenStaysTheOldImageAfterwards) {
  Opened reader = files().open(rig_.node("private", "a"), O_RDONLY, {}, {});
  EXPECT_EQ(overwrite("new"), 0);
  EXPECT_EQ(rig_.read(*reader.handle, 0, 100), "old bytes");
  files().release(std::move(reader.handle));
}

TEST_F(Replacing, AFailedUploadLeavesTheOldImageItsNameAndKeepsTheBytes) {
  rig_.images.fail(Call::kUpload, http(Operation::kUpload, 413, "quota exceeded"));
  EXPECT_EQ(overwrite("new"), EDQUOT);
  expect_untouched();
  EXPECT_EQ(rig_.images.count(), 1U);
  ASSERT_THAT(rig_.names("private"), UnorderedElementsAre("a", alias()));
  EXPECT_EQ(text_of(alias()), "new");
  EXPECT_THAT(pending(), HasSubstr("private/" + alias() + "  failed"));
  EXPECT_THAT(pending(), HasSubstr("in place of " + old_));
  EXPECT_THAT(error_of("a"), HasSubstr("quota exceeded"));
  EXPECT_THAT(error_of(alias()), HasSubstr("quota exceeded"));
  files().set_xattr(rig_.node("private", alias()), "user.glancefs.upload", "1", XattrMode::kSet,
                    {});
  expect_replaced("new");
}

TEST_F(Replacing, ASecondTryWritesTheSameFile) {
  rig_.images.fail(Call::kUpload, http(Operation::kUpload, 413, "quota exceeded"));
  EXPECT_EQ(overwrite("new"), EDQUOT);
  EXPECT_EQ(overwrite("newer"), 0);
  expect_replaced("newer");
}

TEST_F(Replacing, DiscardingTheNewBytesLeavesTheOldImage) {
  rig_.images.fail(Call::kUpload, http(Operation::kUpload, 413, "quota exceeded"));
  EXPECT_EQ(overwrite("new"), EDQUOT);
  files().unlink(directory(), alias(), {});
  EXPECT_THAT(rig_.names("private"), ElementsAre("a"));
  expect_untouched();
  EXPECT_TRUE(journal_is_empty());
}

TEST_F(Replacing, RemovingTheFileWhileItIsWrittenLeavesTheOldImage) {
  auto [node, file] = open("a");
  write(file, 0, "new");
  files().unlink(directory(), "a", {});
  EXPECT_EQ(close(file), 0);
  expect_untouched();
  EXPECT_EQ(pending(), "");
}

// `: > FILE` is how programs begin, not how anybody ends an image.
TEST_F(Replacing, AnEmptyFileReplacesNothing) {
  auto [node, file] = open("a");
  EXPECT_EQ(close(file), 0);
  Opened reader = files().open(node, O_RDONLY, {}, {});
  EXPECT_EQ(errno_thrown([&] { files().sync(*reader.handle, {}); }), ENODATA);
  files().release(std::move(reader.handle));
  expect_untouched();
  EXPECT_THAT(error_of("a"), HasSubstr("an empty file replaces no image"));
  EXPECT_EQ(pending(), "");
  EXPECT_TRUE(journal_is_empty());
}

TEST_F(Replacing, AnEmptyFileIsForgottenAtTheEnd) {
  auto [node, file] = open("a");
  EXPECT_EQ(close(file), 0);
  files().finish_uploads(std::chrono::steady_clock::now() + std::chrono::seconds(10), {});
  expect_untouched();
  EXPECT_TRUE(journal_is_empty());
}

// A file that nobody comes for, since the way to it was an alias, does not stay.
TEST_F(Replacing, AnAliasIsNoWayToReplace) {
  EXPECT_EQ(errno_thrown([&] { open("a~" + old_.substr(0, 8)); }), EPERM);
  EXPECT_THAT(rig_.names("private"), ElementsAre("a"));
  expect_untouched();
  EXPECT_TRUE(journal_is_empty());
}

TEST_F(Replacing, WhatTheNameDoesNotLeadToIsNotReplaced) {
  rig_.images.add("a", "newer bytes");
  rig_.restart();
  EXPECT_EQ(errno_thrown([&] { open("a~" + old_.substr(0, 8)); }), EPERM);
  EXPECT_EQ(rig_.images.count(), 2U);
}

TEST_F(Replacing, AKilledWriterReplacesNothing) {
  auto [node, file] = open("a", O_RDWR | O_TRUNC);
  write(file, 0, "half");
  files().abandon(std::move(file.handle));
  rig_.restart();
  expect_untouched();
  EXPECT_EQ(text_of(alias()), "half");
  EXPECT_THAT(pending(), HasSubstr("unfinished"));
}

TEST_F(Replacing, OnlyWholeNewBytesReplace) {
  for (const int flags : {O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_RDONLY | O_TRUNC}) {
    EXPECT_EQ(errno_thrown([&] { open("a", flags); }), EPERM) << flags;
  }
  AttributeChange change;
  for (const std::uint64_t size : {0, 3, 100}) {
    change.size = size;
    EXPECT_EQ(errno_thrown([&] { files().change(rig_.node("private", "a"), change, nullptr, {}); }),
              EPERM);
  }
  expect_untouched();
}

TEST_F(Replacing, ProtectedForeignAndUnfinishedImagesAreNotReplaced) {
  rig_.images.edit(old_, [](client::Image& image) { image.is_protected = true; });
  rig_.images.add("theirs", "x", [](client::Image& image) {
    image.owner = "somebody";
    image.visibility = client::Visibility::kPublic;
  });
  client::Image saving = queued_image();
  saving.status = Status::kSaving;
  saving.status_word = "saving";
  rig_.images.put(saving);
  rig_.restart();
  EXPECT_EQ(errno_thrown([&] { open("a"); }), EPERM);
  EXPECT_EQ(errno_thrown([&] { open("q"); }), EBUSY);
  const NodeId theirs = rig_.node("public", "theirs");
  EXPECT_EQ(errno_thrown([&] { files().open(theirs, O_WRONLY | O_TRUNC, kWriter, {}); }), EACCES);
  EXPECT_EQ(rig_.images.count(), 3U);
  EXPECT_TRUE(journal_is_empty());
}

TEST_F(Replacing, CreatingWhatIsThereReplacesItToo) {
  auto [entry, file] = files().create(directory(), "a", O_WRONLY | O_CREAT | O_TRUNC, kWriter, {});
  write(file, 0, "new");
  EXPECT_EQ(close(file), 0);
  expect_replaced("new");
}

TEST_F(Replacing, TheNewImageHasWhatWasSetOnTheOldOne) {
  rig_.images.edit(old_, [](client::Image& image) {
    image.properties = {{"hw_disk_bus", "scsi"}, {"os_distro", "debian"}};
    image.tags = {"production"};
    image.min_disk = 10;
    image.min_ram = 512;
    image.disk_format = "iso";
  });
  rig_.restart();
  auto [node, file] = open("a");
  write(file, 0, "new");
  files().set_xattr(node, "user.glance.os_distro", "fedora", XattrMode::kSet, {});
  EXPECT_EQ(close(file), 0);
  const client::Image image = new_image();
  EXPECT_EQ(*client::find_property(image.properties, "hw_disk_bus"), "scsi");
  EXPECT_EQ(*client::find_property(image.properties, "os_distro"), "fedora");
  EXPECT_THAT(image.tags, ElementsAre("production"));
  EXPECT_EQ(image.min_disk, 10U);
  EXPECT_EQ(image.min_ram, 512U);
  EXPECT_EQ(image.disk_format, "raw") << "the bytes say";
}

TEST_F(Replacing, TheNewImageIsOfferedToTheSameProjects) {
  using enum client::MemberStatus;
  rig_.images.edit(old_,
                   [](client::Image& image) { image.visibility = client::Visibility::kShared; });
  rig_.images.set_member(old_, "p1", kAccepted);
  rig_.images.set_member(old_, "p2", kRejected);
  rig_.restart();
  auto [node, file] = open("a", O_WRONLY | O_TRUNC, kWriter, "shared");
  write(file, 0, "new");
  EXPECT_EQ(close(file), 0);
  EXPECT_THAT(rig_.images.members(new_id(), {}),
              UnorderedElementsAre(client::Member{.project = "p1", .status = kPending},
                                   client::Member{.project = "p2", .status = kPending}));
}

TEST_F(Replacing, AProjectThatMayNotShareReplacesAllTheSame) {
  rig_.images.edit(old_,
                   [](client::Image& image) { image.visibility = client::Visibility::kShared; });
  rig_.images.set_member(old_, "p1", client::MemberStatus::kAccepted);
  rig_.images.fail(Call::kMembers, http(Operation::kAction, 403, "policy"), 9);
  rig_.restart();
  auto [node, file] = open("a", O_WRONLY | O_TRUNC, kWriter, "shared");
  write(file, 0, "new");
  EXPECT_EQ(close(file), 0);
  EXPECT_TRUE(old_image().hidden);
  EXPECT_FALSE(new_image().hidden);
}

TEST(Inheritance, LeavesOutWhatTellsOfTheOldBytes) {
  client::Image old, heir;
  old.properties = {{"img_signature", "x"},
                    {"os_glance_importing_to_stores", "x"},
                    {"os_version", "12"},
                    {"owner_specified.openstack.md5", "x"},
                    {"owner_specified.openstack.object", "images/a"},
                    {"stores", "fast"}};
  old.tags = {"x"};
  inherit(heir, old, {{"tags", ""}});
  EXPECT_THAT(heir.properties,
              ElementsAre(std::pair("os_version", "12"),
                          std::pair("owner_specified.openstack.object", "images/a")));
  EXPECT_THAT(heir.tags, testing::IsEmpty());
}

// What happened to the old image meanwhile is nobody's mistake.
TEST_F(Replacing, AnOldImageThatWasRenamedElsewhereIsLeftAlone) {
  auto [node, file] = open("a");
  write(file, 0, "new");
  rig_.images.edit(old_, [](client::Image& image) { image.name = "kept"; });
  EXPECT_EQ(close(file), 0);
  EXPECT_FALSE(old_image().hidden);
  EXPECT_THAT(rig_.names("private"), UnorderedElementsAre("a", "kept"));
  EXPECT_EQ(text_of("a"), "new");
  EXPECT_EQ(text_of("kept"), "old bytes");
}

TEST_F(Replacing, AnOldImageThatWasDeletedElsewhereIsNoTrouble) {
  auto [node, file] = open("a");
  write(file, 0, "new");
  rig_.images.erase(old_);
  EXPECT_EQ(close(file), 0);
  EXPECT_THAT(rig_.names("private"), ElementsAre("a"));
  EXPECT_EQ(text_of("a"), "new");
}

TEST_F(Replacing, AnOldImageThatWasProtectedMeanwhileStaysBesideTheNewOne) {
  auto [node, file] = open("a");
  write(file, 0, "new");
  rig_.images.edit(old_, [](client::Image& image) { image.is_protected = true; });
  EXPECT_EQ(close(file), 0);
  EXPECT_EQ(text_of("a"), "new");
  EXPECT_FALSE(old_image().hidden);
  EXPECT_THAT(error_of("a~" + old_.substr(0, 8)), HasSubstr("protected meanwhile"));
  EXPECT_TRUE(journal_is_empty());
}

// Whoever takes the name or hides the old one may find Glance gone; the intent stays.
class TroubleAfterwards : public Replacing, public testing::WithParamInterface<int> {};

TEST_P(TroubleAfterwards, IsMadeUpForByTheNextMount) {
  const bool named = GetParam() == 1;
  rig_.images.fail(Call::kUpdate, http(Operation::kUpdate, 503), 1, GetParam());
  EXPECT_EQ(overwrite("new"), EIO);
  EXPECT_FALSE(old_image().hidden);
  EXPECT_EQ(text_of("a"), named ? "new" : "old bytes") << "as it is at Glance";
  EXPECT_THAT(pending(), HasSubstr("failed"));
  rig_.restart();
  files().finish_uploads(std::chrono::steady_clock::now() + std::chrono::seconds(10), {});
  expect_replaced("new");
  EXPECT_EQ(rig_.images.calls(Call::kUpload), 1) << "nothing is sent twice";
  EXPECT_TRUE(journal_is_empty());
}

INSTANTIATE_TEST_SUITE_P(Steps, TroubleAfterwards, testing::Values(0, 1));

TEST_F(Replacing, ANewerImageIsNotReplacedByOlderBytes) {
  rig_.images.fail(Call::kUpload, http(Operation::kUpload, 413, "quota exceeded"));
  EXPECT_EQ(overwrite("new"), EDQUOT);
  rig_.images.edit(old_, [](client::Image& image) { image.hidden = true; });
  rig_.images.add("a", "newest");
  rig_.config.upload_delay = std::chrono::milliseconds(0);
  rig_.restart();
  files().finish_uploads(std::chrono::steady_clock::now() + std::chrono::seconds(10), {});
  EXPECT_EQ(text_of("a"), "newest");
  EXPECT_THAT(pending(), HasSubstr("a newer image has the name"));
  EXPECT_EQ(rig_.images.calls(Call::kUpload), 1);
}

TEST_F(Replacing, ARenameOfAFileReplaces) {
  auto [entry, file] =
      files().create(directory(), ".a.XyZ", O_RDWR | O_CREAT | O_EXCL, kWriter, {});
  write(file, 0, "new");
  files().release(std::move(file.handle));
  EXPECT_EQ(rename_error(".a.XyZ", "a", RENAME_NOREPLACE), EEXIST);
  EXPECT_EQ(rename_error(".a.XyZ", "a"), 0);
  expect_replaced("new");
}

TEST_F(Replacing, ARenameThatFailsChangesNothing) {
  auto [entry, file] =
      files().create(directory(), ".a.XyZ", O_RDWR | O_CREAT | O_EXCL, kWriter, {});
  write(file, 0, "new");
  files().release(std::move(file.handle));
  rig_.images.fail(Call::kUpload, http(Operation::kUpload, 413, "quota exceeded"));
  EXPECT_EQ(rename_error(".a.XyZ", "a"), EDQUOT);
  expect_untouched();
  EXPECT_THAT(rig_.names("private"), UnorderedElementsAre(".a.XyZ", "a"));
  EXPECT_THAT(pending(), HasSubstr("private/.a.XyZ  stays here"));
  EXPECT_THAT(error_of(".a.XyZ"), HasSubstr("quota exceeded"));
  EXPECT_EQ(rename_error(".a.XyZ", "a"), 0);
  expect_replaced("new");
}

TEST_F(Replacing, ARenameOfAnImageReplaces) {
  rig_.copy_in("community", "b", "new");
  EXPECT_EQ(errno_thrown([&] {
              files().rename(rig_.directory_node("community"), "b", directory(), "a", 0, {});
            }),
            0);
  expect_replaced("new");
  EXPECT_EQ(rig_.images.calls(Call::kUpdate), 2);
}

TEST_F(Replacing, ARenameOverWhatCannotBeHiddenIsUndone) {
  rig_.copy_in("private", "b", "new");
  rig_.images.fail(Call::kUpdate, http(Operation::kUpdate, 403, "policy"), 1, 1);
  EXPECT_EQ(rename_error("b", "a"), EACCES);
  EXPECT_EQ(image("b").status, Status::kActive);
  EXPECT_THAT(rig_.names("private"), UnorderedElementsAre("a", "b"));
  expect_untouched();
}

TEST_F(Replacing, ALostAnswerIsNoRefusal) {
  rig_.copy_in("private", "b", "new");
  rig_.images.hold(Call::kUpdate);
  rig_.images.fail(Call::kUpdate, http(Operation::kUpdate, 504), 1, 1);
  auto renaming = std::async(std::launch::async, [&] { return rename_error("b", "a"); });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpdate, 1));
  rig_.images.release(Call::kUpdate, 1);
  ASSERT_TRUE(rig_.images.wait_for_calls(Call::kUpdate, 2));
  rig_.images.edit(old_, [](client::Image& image) { image.hidden = true; });
  rig_.images.release(Call::kUpdate);
  EXPECT_EQ(renaming.get(), 0);
  expect_replaced("new");
}

TEST_F(Replacing, AnOlderImageTakesTheNameOfANewerOne) {
  rig_.images.add("a", "newer");
  rig_.restart();
  const std::string newer = new_id();
  EXPECT_EQ(rename_error("a~" + old_.substr(0, 8), "a"), 0);
  EXPECT_THAT(rig_.names("private"), ElementsAre("a"));
  EXPECT_EQ(text_of("a"), "old bytes");
  EXPECT_TRUE(rig_.images.find(newer)->hidden);
}

TEST_F(Replacing, FilesThatAreNotAtGlanceAreNotReplacedByARename) {
  auto [entry, file] = files().create(directory(), "b", O_RDWR | O_CREAT, kWriter, {});
  write(file, 0, "b");
  EXPECT_EQ(rename_error("a", "b"), EBUSY);
  files().release(std::move(file.handle));
  expect_untouched();
}

}  // namespace
}  // namespace glancefs::fs
