// What a mount does with the bytes that an earlier one left in the journal.

#include <filesystem>
#include <future>
#include <thread>

#include "cache/spool_journal.h"
#include "client/http.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using cache::SpoolRecord;
using cache::SpoolState;
using client::Status;
using test::FakeImages;
using Call = FakeImages::Call;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::exception_ptr refusal() {
  return std::make_exception_ptr(
      client::HttpError(client::Operation::kUpload, 413, "PUT", "quota exceeded", "req-1"));
}

class Recovering : public RigTest {
 protected:
  Recovering() {
    rig_.config.upload_delay = std::chrono::milliseconds(0);
    rig_.config.upload_pause = std::chrono::milliseconds(0);
    rig_.start();
  }
  Opened create(const std::string& name, int flags = O_WRONLY | O_CREAT) {
    return std::move(
        files().create(rig_.directory_node("private"), name, flags, kWriter, {}).second);
  }
  // A program is writing when the daemon dies.
  void die_while_writing(const std::string& name, const std::string& text) {
    Opened file = create(name, O_RDWR | O_CREAT);
    write(file, 0, text);
    files().abandon(std::move(file.handle));
    rig_.stop();
  }
  // The only record in the journal is of an upload of "a" that has left `half` at Glance.
  void upload_was_cut(client::Image half) {
    half.name = "a";
    edit_record([&](SpoolRecord& record) {
      record.state = SpoolState::kUploading;
      half.id = record.image_id;
    });
    rig_.images.put(std::move(half));
  }
  // The only record in the journal, as the next mount will find it.
  void edit_record(const std::function<void(SpoolRecord&)>& change) {
    const auto directory = cache::PrivateDirectory::open(rig_.directory / "state");
    for (const std::string& name : directory.list(".")) {
      if (!name.ends_with(".record")) continue;
      auto record = cache::read_record(directory, name.substr(0, name.size() - 7)).value();
      change(record);
      cache::write_record(directory, record);
    }
  }
  bool journal_is_empty() const { return std::filesystem::is_empty(rig_.directory / "state"); }
  void wait_until_active(const std::string& name) {
    while (rig_.images.id_of(name).empty() || image(name).status != Status::kActive) {
      std::this_thread::yield();
    }
  }
  void ask_for_upload(const std::string& name) {
    files().set_xattr(rig_.node("private", name), "user.glancefs.upload", "1", XattrMode::kSet, {});
  }
  std::string error_of(const std::string& name) {
    return files().xattr(rig_.node("private", name), "user.glancefs.error").value_or("");
  }
};

TEST_F(Recovering, HalfAFileIsKeptAndSentOnlyWhenSomebodyAsks) {
  die_while_writing("a", "half");
  rig_.restart();
  EXPECT_THAT(pending(), HasSubstr("private/a  unfinished"));
  EXPECT_THAT(error_of("a"), HasSubstr("it may be half of it"));
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a")), "half");
  // Opening and closing it is no way of saying that it is whole.
  Opened file = files().open(rig_.node("private", "a"), O_WRONLY, kWriter, {});
  files().flush(*file.handle, kWriter, {});
  files().release(std::move(file.handle));
  EXPECT_EQ(rig_.images.calls(Call::kCreate), 0);
  ask_for_upload("a");
  EXPECT_EQ(rig_.images.data(image("a").id), "half");
  EXPECT_TRUE(journal_is_empty());
}

TEST_F(Recovering, HalfAFileCanBeWrittenToItsEnd) {
  die_while_writing("a", "half");
  rig_.restart();
  Opened file = files().open(rig_.node("private", "a"), O_WRONLY, kWriter, {});
  write(file, 4, " and half");
  files().flush(*file.handle, kWriter, {});
  files().release(std::move(file.handle));
  EXPECT_EQ(rig_.images.data(image("a").id), "half and half");
}

TEST_F(Recovering, AnEmptyFileNobodyFinishedIsForgotten) {
  die_while_writing("a", "");
  rig_.restart();
  EXPECT_THAT(rig_.names("private"), IsEmpty());
  EXPECT_TRUE(journal_is_empty());
}

TEST_F(Recovering, WhatTheLastWriterHasClosedIsSent) {
  rig_.config.upload_delay = std::chrono::hours(1);
  rig_.restart();
  Opened file = create("a", O_RDWR | O_CREAT);
  write(file, 0, "data");
  files().release(std::move(file.handle));
  EXPECT_THAT(pending(), HasSubstr("private/a  waiting"));
  rig_.restart();
  wait_until_active("a");
  EXPECT_EQ(rig_.images.data(image("a").id), "data");
}

TEST_F(Recovering, AFileThatIsWrittenAgainIsNotWholeAnyMore) {
  rig_.images.fail(Call::kUpload, refusal());
  EXPECT_EQ(errno_thrown([&] { rig_.copy_in("private", "a", "old bytes"); }), EDQUOT);
  Opened file = files().open(rig_.node("private", "a"), O_RDWR, kWriter, {});
  write(file, 0, "new");
  files().abandon(std::move(file.handle));
  rig_.restart();
  EXPECT_THAT(pending(), HasSubstr("private/a  unfinished"));
  EXPECT_EQ(rig_.images.count(), 0U);
}

TEST_F(Recovering, AFileThatWaitsAndIsWrittenAgainIsNotWholeEither) {
  rig_.config.upload_delay = std::chrono::hours(1);
  rig_.restart();
  Opened file = create("a", O_RDWR | O_CREAT);
  write(file, 0, "old bytes");
  files().release(std::move(file.handle));
  file = files().open(rig_.node("private", "a"), O_RDWR, kWriter, {});
  write(file, 0, "new");
  files().abandon(std::move(file.handle));
  rig_.restart();
  EXPECT_THAT(pending(), HasSubstr("private/a  unfinished"));
  EXPECT_EQ(rig_.images.count(), 0U);
}

TEST_F(Recovering, AWriteThatFailedIsMissingFromTheFile) {
  rig_.stop();
  rig_.spools = cache::open_spools(rig_.directory / "state", 8192);
  rig_.start();
  Opened file = create("a");
  write(file, 0, std::string(4096, 'x'));
  EXPECT_EQ(errno_thrown([&] { write(file, 4096, std::string(8192, 'y')); }), ENOSPC);
  EXPECT_EQ(errno_thrown([&] { files().flush(*file.handle, kWriter, {}); }), ENOSPC);
  files().release(std::move(file.handle));
  EXPECT_EQ(rig_.images.calls(Call::kCreate), 0) << "half a file is no image";
  EXPECT_THAT(pending(), HasSubstr("unfinished"));
  rig_.restart();
  EXPECT_THAT(pending(), HasSubstr("unfinished"));
  EXPECT_EQ(rig_.images.calls(Call::kCreate), 0);
}

TEST_F(Recovering, TemporaryFilesStayForADay) {
  die_while_writing(".a.XyZ", "data");
  rig_.restart();
  EXPECT_THAT(rig_.names("private"), ElementsAre(".a.XyZ"));
  EXPECT_THAT(pending(), HasSubstr("stays here"));
  rig_.stop();
  edit_record([](SpoolRecord& record) { record.changed -= std::chrono::hours(25); });
  rig_.restart();
  EXPECT_THAT(rig_.names("private"), IsEmpty());
  EXPECT_TRUE(journal_is_empty());
}

TEST_F(Recovering, TemporaryFilesGoWhileTheMountLasts) {
  die_while_writing(".a.XyZ", "data");
  edit_record([](SpoolRecord& record) {
    record.changed -= std::chrono::hours(24) - std::chrono::milliseconds(500);
  });
  rig_.restart();
  while (!rig_.names("private").empty()) std::this_thread::yield();
  EXPECT_TRUE(journal_is_empty());
}

TEST_F(Recovering, ATemporaryFileOfAnEarlierMountCanBeGivenItsName) {
  die_while_writing(".a.XyZ", "data");
  rig_.restart();
  const NodeId directory = rig_.directory_node("private");
  files().rename(directory, ".a.XyZ", directory, "a", 0, {});
  EXPECT_EQ(rig_.images.data(image("a").id), "data");
}

TEST_F(Recovering, KeepWaitsToBeAsked) {
  rig_.images.fail(Call::kUpload, refusal());
  EXPECT_EQ(errno_thrown([&] { rig_.copy_in("private", "a", "data"); }), EDQUOT);
  rig_.config.recover = Recover::kKeep;
  rig_.restart();
  EXPECT_THAT(pending(), HasSubstr("private/a  kept"));
  EXPECT_THAT(error_of("a"), HasSubstr("recover=keep"));
  EXPECT_EQ(rig_.images.calls(Call::kUpload), 1);
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a")), "data");
  ask_for_upload("a");
  EXPECT_EQ(rig_.images.data(image("a").id), "data");
}

TEST_F(Recovering, DiscardRemovesTheBytesAndWhatIsHalfAtGlance) {
  die_while_writing("a", "data");
  client::Image half = queued_image();
  half.status = Status::kSaving;
  half.status_word = "saving";
  upload_was_cut(half);
  rig_.config.recover = Recover::kDiscard;
  rig_.restart();
  EXPECT_EQ(pending(), "");
  EXPECT_TRUE(journal_is_empty());
  EXPECT_EQ(rig_.images.count(), 0U);
  EXPECT_THAT(rig_.names("private"), IsEmpty());
}

TEST_F(Recovering, RemovingAFileTakesAwayWhatIsHalfAtGlance) {
  die_while_writing("a", "data");
  client::Image half = queued_image();
  half.is_protected = true;
  upload_was_cut(half);
  rig_.config.recover = Recover::kKeep;
  rig_.restart();
  files().unlink(rig_.directory_node("private"), "a", {});
  EXPECT_EQ(rig_.images.count(), 0U);
  EXPECT_TRUE(journal_is_empty());
}

// Killed after the last byte's answer: the image is there, and what was set meanwhile is not.
TEST_F(Recovering, AFinishedUploadIsRecognisedAndItsPropertiesAreSet) {
  rig_.copy_in("private", "a", "data");
  const std::string id = image("a").id;
  die_while_writing("b", "data");
  edit_record([&](SpoolRecord& record) {
    record.state = SpoolState::kUploading;
    record.name = "a";
    record.image_id = id;
    record.properties = {{"os_distro", "debian"}};
  });
  rig_.restart();
  while (!journal_is_empty()) std::this_thread::yield();
  EXPECT_EQ(rig_.images.calls(Call::kUpload), 1);
  EXPECT_EQ(rig_.images.count(), 1U);
  EXPECT_EQ(*client::find_property(image("a").properties, "os_distro"), "debian");
  EXPECT_THAT(rig_.names("private"), ElementsAre("a"));
}

// The mount that died had given it to the kernel, and a program still has it open.
TEST_F(Recovering, WhatSomebodyHoldsIsTakenUpWhenHeLetsGo) {
  rig_.stop();
  SpoolRecord record;
  record.cloud = rig_.config.identity;
  record.image_id = client::new_uuid();
  record.directory = "private";
  record.name = "a";
  record.state = SpoolState::kWaiting;
  auto held = cache::open_spools(rig_.directory / "state", 0)->create(record);
  held->write(0, std::as_bytes(std::span(std::string_view("data"))));
  rig_.restart();
  EXPECT_EQ(pending(), "");
  held.reset();
  wait_until_active("a");
  EXPECT_EQ(rig_.images.data(image("a").id), "data");
}

TEST_F(Recovering, AnImageThatSomebodyElseQueuedSurvivesARemountAndAFailure) {
  client::Image queued = queued_image();
  rig_.images.put(queued);
  rig_.restart();
  rig_.images.fail(Call::kUpload, refusal(), 2);
  Opened file = files().open(rig_.node("private", "q"), O_WRONLY, kWriter, {});
  write(file, 0, "data");
  EXPECT_EQ(errno_thrown([&] { files().flush(*file.handle, kWriter, {}); }), EDQUOT);
  files().release(std::move(file.handle));
  rig_.restart();
  ASSERT_TRUE(rig_.images.wait_for_calls(Call::kUpload, 2));
  while (pending().find("failed") == std::string::npos) std::this_thread::yield();
  EXPECT_EQ(image("q").id, queued.id);
  EXPECT_EQ(image("q").status, Status::kQueued);
}

// The kernel tells of the end of an open file after close(2) has returned.
TEST_F(Recovering, AskingWaitsForAWriterThatHasClosed) {
  Opened file = create("a", O_RDWR | O_CREAT);
  write(file, 0, "data");
  auto asking = std::async(std::launch::async, [&] { ask_for_upload("a"); });
  files().release(std::move(file.handle));
  EXPECT_NO_THROW(asking.get());
  wait_until_active("a");
}

TEST_F(Recovering, AskingIsRefusedWhereThereIsNothingToSend) {
  rig_.copy_in("private", "a", "data");
  EXPECT_EQ(errno_thrown([&] { ask_for_upload("a"); }), EEXIST);
  Opened file = create("b");
  EXPECT_EQ(errno_thrown([&] { ask_for_upload("b"); }), EBUSY);
  files().release(std::move(file.handle));
}

}  // namespace
}  // namespace glancefs::fs
