// Writing files through Filesystem: what reaches Glance, when, and what an error leaves behind.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "client/http.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::HttpError;
using client::Operation;
using client::Status;
using test::FakeImages;
using Call = FakeImages::Call;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const Caller kChild{.uid = 0, .gid = 0, .pid = 101};

std::exception_ptr http(Operation operation, int status, const std::string& message = "no") {
  return std::make_exception_ptr(HttpError(operation, status, "PUT", message, "req-1"));
}

class Writing : public RigTest {
 protected:
  Writing() { rig_.start(); }
  std::pair<Entry, Opened> create(const std::string& name, int flags = O_WRONLY | O_CREAT) {
    return files().create(rig_.directory_node("private"), name, flags, kWriter, {});
  }
  void resize(NodeId node, std::uint64_t size, Handle* handle) {
    AttributeChange change;
    change.size = size;
    files().change(node, change, handle, {});
  }
};

TEST_F(Writing, ACopiedFileIsActiveWhenItsCloseReturns) {
  const std::string data = pattern(300'000);
  rig_.copy_in("private", "a.img", data);
  EXPECT_EQ(image("a.img").status, Status::kActive);
  EXPECT_EQ(image("a.img").visibility, client::Visibility::kPrivate);
  EXPECT_EQ(image("a.img").disk_format, "raw");
  EXPECT_EQ(rig_.images.data(image("a.img").id), data);
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a.img")), data);
}

TEST_F(Writing, WhatWasJustWrittenIsReadWithoutADownload) {
  rig_.copy_in("private", "a", pattern(1000));
  rig_.read_all(rig_.node("private", "a"));
  // The store in memory takes no files over; the one on disk does, see the mount tests.
  EXPECT_LE(rig_.images.calls(Call::kDownload), 1);
}

TEST_F(Writing, TheFormatComesFromTheBytes) {
  std::string qcow2 = "QFI\xfb" + std::string("\0\0\0\3", 4) + std::string(1000, '\0');
  rig_.copy_in("private", "a.raw", qcow2);
  EXPECT_EQ(image("a.raw").disk_format, "qcow2");
  EXPECT_EQ(image("a.raw").container_format, "bare");
}

TEST_F(Writing, WhatWasSetWhileWritingIsInTheImage) {
  auto [entry, file] = create("a");
  write(file, 0, "data");
  files().set_xattr(entry.node, "user.glance.disk_format", "iso", XattrMode::kSet, {});
  files().set_xattr(entry.node, "user.glance.os_distro", "debian", XattrMode::kSet, {});
  files().set_xattr(entry.node, "user.glance.tags", "x,y", XattrMode::kSet, {});
  files().set_xattr(entry.node, "user.glance.min_ram", "512", XattrMode::kSet, {});
  files().flush(*file.handle, kWriter, {});
  files().release(std::move(file.handle));
  EXPECT_EQ(image("a").disk_format, "iso");
  EXPECT_EQ(image("a").min_ram, 512U);
  EXPECT_THAT(image("a").tags, ElementsAre("x", "y"));
  EXPECT_EQ(*client::find_property(image("a").properties, "os_distro"), "debian");
}

// rsync -X removes every attribute that the source lacks: none may be listed that cannot be
// removed.
TEST_F(Writing, AFileBeingWrittenListsOnlyWhatWasSet) {
  auto [entry, file] = create("a");
  EXPECT_THAT(files().xattr_names(entry.node), IsEmpty());
  files().set_xattr(entry.node, "user.glance.os_distro", "debian", XattrMode::kSet, {});
  EXPECT_THAT(files().xattr_names(entry.node), Contains("user.glance.os_distro"));
  for (const std::string& name : files().xattr_names(entry.node)) {
    files().remove_xattr(entry.node, name, {});
  }
  files().release(std::move(file.handle));
}

TEST_F(Writing, AnyOrderAndHoles) {
  auto [entry, file] = create("a");
  write(file, 100, "end");
  write(file, 0, "begin");
  files().flush(*file.handle, kWriter, {});
  files().release(std::move(file.handle));
  EXPECT_EQ(rig_.images.data(image("a").id), "begin" + std::string(95, '\0') + "end");
}

// `cat x > f`: the shell closes its copy before cat writes.
TEST_F(Writing, AnEmptyCloseSendsNothing) {
  auto [entry, file] = create("a");
  files().flush(*file.handle, kWriter, {});
  EXPECT_EQ(rig_.images.count(), 0U);
  write(file, 0, "data");
  files().flush(*file.handle, kWriter, {});
  EXPECT_EQ(rig_.images.count(), 1U);
  files().release(std::move(file.handle));
}

// `{ a; b; } > f`: each child closes after its part; only the shell's close says that it is whole.
TEST_F(Writing, ACloseByAnotherProcessSendsNothing) {
  auto [entry, file] = create("a");
  write(file, 0, "one");
  files().flush(*file.handle, kChild, {});
  write(file, 3, "two");
  files().flush(*file.handle, kChild, {});
  EXPECT_EQ(rig_.images.count(), 0U);
  files().flush(*file.handle, kWriter, {});
  EXPECT_EQ(rig_.images.data(image("a").id), "onetwo");
  files().release(std::move(file.handle));
}

// rsync: ".a.XXXXXX" is written read-write, closed, and renamed.
TEST_F(Writing, ADotNameIsSentWhenItGetsItsName) {
  auto [entry, file] = create(".a.XyZ", O_RDWR | O_CREAT | O_EXCL);
  write(file, 0, "data");
  files().flush(*file.handle, kWriter, {});
  files().release(std::move(file.handle));
  EXPECT_EQ(rig_.images.count(), 0U);
  const NodeId directory = rig_.directory_node("private");
  files().rename(directory, ".a.XyZ", directory, "a", 0, {});
  EXPECT_EQ(image("a").status, Status::kActive);
  EXPECT_THAT(rig_.names("private"), ElementsAre("a"));
}

// The kernel sends the release when close(2) has returned: it may come after the rename.
TEST_F(Writing, ARenameWaitsForTheLastCloseToBeKnown) {
  auto [entry, file] = create(".a.XyZ", O_RDWR | O_CREAT | O_EXCL);
  write(file, 0, "data");
  files().flush(*file.handle, kWriter, {});
  const NodeId directory = rig_.directory_node("private");
  auto renaming = std::async(std::launch::async,
                             [&] { files().rename(directory, ".a.XyZ", directory, "a", 0, {}); });
  EXPECT_EQ(renaming.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  files().release(std::move(file.handle));
  renaming.get();
  EXPECT_EQ(image("a").status, Status::kActive);
}

TEST_F(Writing, AnErrorOfTheRenameReachesTheProgram) {
  auto [entry, file] = create(".a.XyZ", O_RDWR | O_CREAT | O_EXCL);
  write(file, 0, "data");
  files().release(std::move(file.handle));
  rig_.images.fail(Call::kCreate, http(Operation::kCreate, 413, "quota"), 9);
  const NodeId directory = rig_.directory_node("private");
  EXPECT_EQ(errno_thrown([&] { files().rename(directory, ".a.XyZ", directory, "a", 0, {}); }),
            EDQUOT);
}

TEST_F(Writing, RefusalsReachTheCloserAndLeaveNothingAtGlance) {
  struct Case {
    Call call;
    Operation operation;
    int status;
    const char* message;
    int error;
  };
  for (const Case& each : {
           Case{Call::kCreate, Operation::kCreate, 403, "publicize_image", EACCES},
           Case{Call::kCreate, Operation::kCreate, 413, "over the limit, quota", EDQUOT},
           Case{Call::kUpload, Operation::kUpload, 413, "Image storage media is full", ENOSPC},
           Case{Call::kUpload, Operation::kUpload, 413, "The incoming image is too large", EFBIG},
           Case{Call::kUpload, Operation::kUpload, 415, "does not match", EINVAL},
           Case{Call::kUpload, Operation::kUpload, 403, "not yours", EACCES},
       }) {
    rig_.images.fail(each.call, http(each.operation, each.status, each.message));
    EXPECT_EQ(copy_error(), each.error) << each.message;
    EXPECT_EQ(rig_.images.count(), 0U) << each.message;
    files().unlink(rig_.directory_node("private"), "a", {});
  }
}

TEST_F(Writing, AFailedUploadKeepsItsBytes) {
  rig_.images.fail(Call::kUpload, http(Operation::kUpload, 413, "quota exceeded"));
  EXPECT_EQ(copy_error("precious"), EDQUOT);
  const NodeId node = rig_.node("private", "a");
  EXPECT_EQ(rig_.read_all(node), "precious");
  EXPECT_THAT(pending(), HasSubstr("private/a"));
  EXPECT_THAT(pending(), HasSubstr("quota exceeded"));
}

TEST_F(Writing, ALaterMountSendsWhatWasLeft) {
  rig_.images.fail(Call::kUpload, http(Operation::kUpload, 413, "quota exceeded"));
  EXPECT_EQ(copy_error("precious"), EDQUOT);
  rig_.config.upload_delay = std::chrono::milliseconds(0);
  rig_.restart();
  ASSERT_TRUE(rig_.images.wait_for_calls(Call::kUpload, 2));
  while (rig_.images.id_of("a").empty() || image("a").status != Status::kActive) {
    std::this_thread::yield();
  }
  EXPECT_EQ(rig_.images.data(image("a").id), "precious");
}

TEST_F(Writing, ARemovedFailureIsGoneForGood) {
  rig_.images.fail(Call::kUpload, http(Operation::kUpload, 413, "quota exceeded"));
  EXPECT_EQ(copy_error(), EDQUOT);
  files().unlink(rig_.directory_node("private"), "a", {});
  EXPECT_THAT(rig_.names("private"), IsEmpty());
  rig_.restart();
  EXPECT_THAT(rig_.names("private"), IsEmpty());
}

TEST_F(Writing, APassingTroubleIsTriedAgain) {
  rig_.config.upload_pause = std::chrono::milliseconds(0);
  rig_.restart();
  rig_.images.fail(Call::kUpload, http(Operation::kUpload, 503));
  EXPECT_EQ(copy_error(), 0);
  EXPECT_EQ(image("a").status, Status::kActive);
  EXPECT_EQ(rig_.images.calls(Call::kUpload), 2);
}

TEST_F(Writing, ALostAnswerIsNotASecondImage) {
  rig_.images.on_uploaded([](const std::string&) {
    throw HttpError(Operation::kUpload, client::Failure::kProtocol, "PUT", "connection reset");
  });
  EXPECT_EQ(copy_error(), 0);
  EXPECT_EQ(rig_.images.count(), 1U);
  EXPECT_EQ(rig_.images.calls(Call::kUpload), 1);
}

TEST_F(Writing, WhatGlanceStoredWrongIsRemovedAndReported) {
  rig_.images.on_uploaded([this](const std::string& id) {
    rig_.images.edit(id, [](client::Image& image) { image.hash = std::string(128, '0'); });
  });
  EXPECT_EQ(copy_error(), EIO);
  EXPECT_EQ(rig_.images.count(), 0U);
}

TEST_F(Writing, AnInterruptedCloseEndsAndKeepsTheBytes) {
  rig_.images.hold(Call::kUpload);
  auto [entry, file] = create("a");
  write(file, 0, "data");
  std::stop_source interrupt;
  auto closing = std::async(std::launch::async, [&] {
    return errno_thrown([&] { files().flush(*file.handle, kWriter, interrupt.get_token()); });
  });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpload, 1));
  interrupt.request_stop();
  EXPECT_EQ(closing.get(), EINTR);
  rig_.images.release(Call::kUpload);
  files().release(std::move(file.handle));
  EXPECT_EQ(rig_.images.count(), 0U);
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a")), "data");
}

TEST_F(Writing, DeletingAFileBeingSentEndsTheUpload) {
  rig_.images.hold(Call::kUpload);
  auto [entry, file] = create("a");
  write(file, 0, "data");
  auto closing = std::async(std::launch::async, [&] {
    return errno_thrown([&] { files().flush(*file.handle, kWriter, {}); });
  });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpload, 1));
  files().unlink(rig_.directory_node("private"), "a", {});
  EXPECT_NE(closing.get(), 0);
  files().release(std::move(file.handle));
  EXPECT_EQ(rig_.images.count(), 0U);
  EXPECT_THAT(rig_.names("private"), IsEmpty());
}

// Shells open a file once and let several programs write to it, also when it was there before.
TEST_F(Writing, ChildrenOfWhoOpenedAnEmptyFileDoNotSendIt) {
  auto [entry, made] = create("a");
  files().release(std::move(made.handle));
  Opened file = files().open(entry.node, O_WRONLY | O_TRUNC, kWriter, {});
  write(file, 0, "one");
  files().flush(*file.handle, kChild, {});
  write(file, 3, "two");
  files().flush(*file.handle, kChild, {});
  EXPECT_EQ(rig_.images.calls(Call::kCreate), 0);
  files().flush(*file.handle, kWriter, {});
  EXPECT_EQ(rig_.images.data(image("a").id), "onetwo");
  files().release(std::move(file.handle));
}

// truncate(1) makes a file for others to fill; cp(1) has made one hole of the source when it
// closes.
TEST_F(Writing, OnlyASizeIsSentByWhoMadeTheFileExclusively) {
  auto [sized_entry, sized] = create("sized");
  resize(sized_entry.node, 1000, sized.handle.get());
  files().flush(*sized.handle, kWriter, {});
  files().release(std::move(sized.handle));
  EXPECT_EQ(rig_.images.calls(Call::kCreate), 0);
  Opened filled = files().open(sized_entry.node, O_WRONLY, kWriter, {});
  write(filled, 500, "data");
  files().flush(*filled.handle, kWriter, {});
  files().release(std::move(filled.handle));
  EXPECT_EQ(image("sized").size, 1000U);
  auto [hole_entry, hole] = create("hole", O_WRONLY | O_CREAT | O_EXCL);
  resize(hole_entry.node, 1000, hole.handle.get());
  files().flush(*hole.handle, kWriter, {});
  EXPECT_EQ(rig_.images.data(image("hole").id), std::string(1000, '\0'));
  files().release(std::move(hole.handle));
}

// sync(1), after a program whose close could not send the file.
TEST_F(Writing, SyncingAFileNobodyWritesSendsItAndTellsTheError) {
  auto [entry, file] = create("a", O_RDWR | O_CREAT);
  write(file, 0, "data");
  Opened reader = files().open(entry.node, O_RDONLY, {}, {});
  files().release(std::move(file.handle));
  ASSERT_TRUE(files().sync_uploads(*reader.handle));
  rig_.images.fail(Call::kUpload, http(Operation::kUpload, 413, "over the limit, quota"));
  EXPECT_EQ(errno_thrown([&] { files().sync(*reader.handle, {}); }), EDQUOT);
  files().sync(*reader.handle, {});
  EXPECT_EQ(image("a").status, Status::kActive);
  files().sync(*reader.handle, {});
  EXPECT_EQ(rig_.images.calls(Call::kUpload), 2);
  files().release(std::move(reader.handle));
}

TEST_F(Writing, SyncingAFileThatIsBeingSentWaitsForItsEnd) {
  rig_.images.hold(Call::kUpload);
  auto [entry, file] = create("a");
  write(file, 0, "data");
  Opened reader = files().open(entry.node, O_RDONLY, {}, {});
  auto closing = std::async(std::launch::async, [&] {
    files().flush(*file.handle, kWriter, {});
    files().release(std::move(file.handle));
  });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpload, 1));
  EXPECT_EQ(errno_thrown([&] {
              files().rename(rig_.directory_node("private"), "a", rig_.directory_node("private"),
                             "b", 0, {});
            }),
            EBUSY);
  auto syncing = std::async(std::launch::async, [&] { files().sync(*reader.handle, {}); });
  rig_.images.release(Call::kUpload);
  syncing.get();
  EXPECT_EQ(image("a").status, Status::kActive);
  closing.get();
  EXPECT_EQ(rig_.images.calls(Call::kUpload), 1);
  files().release(std::move(reader.handle));
}

// The kernel tells of a close(2) at once, but of the end of the open file a little later: rsync's
// rename must not find a writer that has gone.
TEST_F(Writing, ARenameWaitsForTheWriterThatHasClosed) {
  auto [entry, file] = create(".a.XyZ", O_RDWR | O_CREAT | O_EXCL);
  write(file, 0, "data");
  const NodeId directory = rig_.directory_node("private");
  auto renaming = std::async(std::launch::async,
                             [&] { files().rename(directory, ".a.XyZ", directory, "a", 0, {}); });
  while (rig_.node("private", "a") == 0) std::this_thread::yield();
  files().release(std::move(file.handle));
  renaming.get();
  EXPECT_EQ(image("a").status, Status::kActive);
}

TEST_F(Writing, AnEmptyFileBecomesQueuedAlsoUnderItsSecondName) {
  rig_.config.upload_delay = std::chrono::milliseconds(0);
  rig_.restart();
  auto [entry, file] = create(".a");
  files().release(std::move(file.handle));
  const NodeId directory = rig_.directory_node("private");
  files().rename(directory, ".a", directory, "a", 0, {});
  while (rig_.images.id_of("a").empty()) std::this_thread::yield();
  EXPECT_EQ(image("a").status, Status::kQueued);
}

// truncate(2) by name opens nothing, so nobody closes anything after it.
TEST_F(Writing, AFileResizedByNameIsSent) {
  rig_.config.upload_delay = std::chrono::milliseconds(0);
  rig_.restart();
  rig_.images.fail(Call::kUpload, http(Operation::kUpload, 413, "over the limit, quota"));
  EXPECT_EQ(copy_error("precious"), EDQUOT);
  // It may be sent, under another id, before the call has returned.
  errno_thrown([&] { resize(rig_.node("private", "a"), 4, nullptr); });
  while (rig_.images.id_of("a").empty() || image("a").status != Status::kActive) {
    std::this_thread::yield();
  }
  EXPECT_EQ(rig_.images.data(image("a").id), "prec");
}

// As rm(1) while a program writes: nothing of it comes to Glance, and the program need not mind.
TEST_F(Writing, ARemovedFileIsNotSentWhenItIsClosed) {
  auto [entry, file] = create("a");
  write(file, 0, "data");
  files().unlink(rig_.directory_node("private"), "a", {});
  write(file, 4, "more");
  EXPECT_EQ(errno_thrown([&] { files().flush(*file.handle, kWriter, {}); }), 0);
  files().release(std::move(file.handle));
  EXPECT_EQ(rig_.images.calls(Call::kCreate), 0);
  EXPECT_THAT(rig_.names("private"), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(rig_.directory / "state")) << "no spool is left";
}

TEST_F(Writing, AttributesSetDuringTheUploadArriveAfterIt) {
  rig_.images.hold(Call::kUpload);
  auto [entry, file] = create("a");
  write(file, 0, "data");
  auto closing = std::async(std::launch::async, [&] { files().flush(*file.handle, kWriter, {}); });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpload, 1));
  files().set_xattr(entry.node, "user.glance.os_distro", "debian", XattrMode::kSet, {});
  EXPECT_EQ(rig_.images.calls(Call::kUpdate), 0);
  // Until they are at Glance the journal has them: the daemon may die in between.
  rig_.images.hold(Call::kUpdate);
  rig_.images.release(Call::kUpload);
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpdate, 1));
  EXPECT_FALSE(std::filesystem::is_empty(rig_.directory / "state"));
  rig_.images.release(Call::kUpdate);
  closing.get();
  EXPECT_EQ(*client::find_property(image("a").properties, "os_distro"), "debian");
  files().release(std::move(file.handle));
}

TEST_F(Writing, AFinishedImageTakesNoMoreBytes) {
  auto [entry, file] = create("a");
  write(file, 0, "data");
  files().flush(*file.handle, kWriter, {});
  EXPECT_EQ(errno_thrown([&] { write(file, 4, "more"); }), EPERM);
  files().release(std::move(file.handle));
}

TEST_F(Writing, AFailedWriteSpoilsTheFileUntilItIsMadeUpFor) {
  rig_.stop();
  rig_.spools = cache::open_spools(rig_.directory / "state", 64 * 1024);
  rig_.start();
  auto [entry, file] = create("a");
  write(file, 0, std::string(8'192, 'a'));
  EXPECT_EQ(errno_thrown([&] { write(file, 8'192, pattern(100'000)); }), ENOSPC);
  EXPECT_EQ(errno_thrown([&] { files().flush(*file.handle, kWriter, {}); }), ENOSPC);
  EXPECT_EQ(rig_.images.count(), 0U) << "half an image is none";
  EXPECT_EQ(rig_.read_all(entry.node), std::string(8'192, 'a')) << "what was written is kept";
  AttributeChange emptied;
  emptied.size = 0;
  files().change(entry.node, emptied, file.handle.get(), {});
  write(file, 0, "all of it");
  files().flush(*file.handle, kWriter, {});
  files().release(std::move(file.handle));
  EXPECT_EQ(rig_.images.data(image("a").id), "all of it");
}

TEST_F(Writing, WhatAKilledProgramLeftIsNoImage) {
  rig_.config.upload_delay = std::chrono::milliseconds(0);
  rig_.restart();
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGINT, SIG_DFL);  // a shell starts what it does not wait for without it
    ::pause();
    ::_exit(0);
  }
  const Caller caller{.uid = 0, .gid = 0, .pid = child};
  auto [entry, file] =
      files().create(rig_.directory_node("private"), "a", O_WRONLY | O_CREAT | O_EXCL, caller, {});
  write(file, 0, "half of i");
  ::kill(child, SIGINT);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  files().flush(*file.handle, caller, {});
  files().release(std::move(file.handle));
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  files().finish_uploads(std::chrono::steady_clock::time_point::max(), {});
  EXPECT_EQ(rig_.images.count(), 0U);
  EXPECT_EQ(rig_.read_all(entry.node), "half of i");
  EXPECT_THAT(pending(), HasSubstr("was killed"));
}

TEST_F(Writing, SoManyUploadsAtOnceAndNoMore) {
  rig_.config.uploads = 2;
  rig_.restart();
  rig_.images.hold(Call::kUpload);
  std::vector<std::future<void>> copies;
  for (const char* name : {"a", "b", "c", "d"}) {
    copies.push_back(std::async(std::launch::async, [&, name] {
      rig_.copy_in("private", name, std::string("data of ") + name);
    }));
  }
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpload, 2));
  rig_.images.release(Call::kUpload);
  for (auto& copy : copies) copy.get();
  EXPECT_EQ(rig_.images.most_at_once(Call::kUpload), 2);
  EXPECT_EQ(rig_.images.count(), 4U);
}

TEST_F(Writing, TheEndSendsWhatWaits) {
  rig_.config.upload_delay = std::chrono::hours(1);
  rig_.restart();
  auto [entry, file] = create("a", O_RDWR | O_CREAT);
  write(file, 0, "data");
  files().release(std::move(file.handle));
  files().finish_uploads(std::chrono::steady_clock::time_point::max(), {});
  EXPECT_EQ(rig_.images.data(image("a").id), "data");
}

TEST_F(Writing, AQueuedImageOfOursIsFilledUnderItsId) {
  client::Image queued = queued_image();
  queued.properties = {{"os_distro", "debian"}};
  rig_.images.put(queued);
  rig_.restart();
  Opened file = files().open(rig_.node("private", "q"), O_WRONLY, kWriter, {});
  write(file, 0, "data");
  files().flush(*file.handle, kWriter, {});
  files().release(std::move(file.handle));
  EXPECT_EQ(image("q").id, queued.id);
  EXPECT_EQ(image("q").status, Status::kActive);
  EXPECT_EQ(image("q").disk_format, "raw");
}

TEST_F(Writing, WhatIsSetOnAQueuedImageWhileItIsFilledReachesGlance) {
  client::Image queued = queued_image();
  rig_.images.put(queued);
  rig_.restart();
  const NodeId node = rig_.node("private", "q");
  Opened file = files().open(node, O_WRONLY, kWriter, {});
  write(file, 0, "data");
  files().rename(rig_.directory_node("private"), "q", rig_.directory_node("community"), "r", 0, {});
  files().set_xattr(node, "user.glance.tags", "x", XattrMode::kSet, {});
  files().set_xattr(node, "user.glance.disk_format", "iso", XattrMode::kSet, {});
  files().flush(*file.handle, kWriter, {});
  files().release(std::move(file.handle));
  EXPECT_EQ(image("r").id, queued.id);
  EXPECT_EQ(image("r").visibility, client::Visibility::kCommunity);
  EXPECT_EQ(image("r").tags, std::vector<std::string>{"x"});
  EXPECT_EQ(image("r").disk_format, "iso");
  EXPECT_THAT(rig_.names("community"), ElementsAre("r"));
}

TEST_F(Writing, NamesThatGlanceRefusesAreRefusedAtOnce) {
  EXPECT_EQ(errno_thrown([&] { create("\xff"); }), EILSEQ);
  EXPECT_EQ(errno_thrown([&] { create("smile \xf0\x9f\x98\x80"); }), EILSEQ);
  EXPECT_EQ(errno_thrown([&] { create("x~12345678"); }), EINVAL);
  EXPECT_THAT(rig_.names("private"), IsEmpty());
}

TEST_F(Writing, OnlyTheFourDirectoriesTakeFiles) {
  EXPECT_EQ(errno_thrown([&] { files().create(kRootNode, "a", O_WRONLY, kWriter, {}); }), EPERM);
}

TEST_F(Writing, AReadOnlyMountTakesNothing) {
  rig_.config.read_only = true;
  rig_.restart();
  EXPECT_EQ(copy_error(), EROFS);
}

TEST_F(Writing, ExclusiveCreationFindsWhatIsThere) {
  rig_.copy_in("private", "a", "data");
  EXPECT_EQ(errno_thrown([&] { create("a", O_WRONLY | O_CREAT | O_EXCL); }), EEXIST);
  EXPECT_EQ(errno_thrown([&] { create("a"); }), EPERM);
}

class SlowWriting : public RigTest {
 protected:
  SlowWriting() {
    rig_.config.upload_limit = 2'000'000;
    rig_.start();
  }
};

TEST_F(SlowWriting, ALimitHolds) {
  const std::string data = pattern(600'000);
  const auto before = std::chrono::steady_clock::now();
  rig_.copy_in("private", "a", data);
  // 0.3 s, of which 0.1 s may have been saved up.
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(150));
  EXPECT_EQ(rig_.images.data(image("a").id), data);
}

}  // namespace
}  // namespace glancefs::fs
