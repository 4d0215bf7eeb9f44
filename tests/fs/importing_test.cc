// Files that reach Glance by staging and import, or reach a store that was asked for.

#include "client/http.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::HttpError;
using client::Operation;
using client::Status;
using test::FakeImages;
using Call = FakeImages::Call;
using End = FakeImages::ImportEnd;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A file that was created and is open.
struct OpenFile {
  NodeId node = 0;
  Opened opened;
};

class Importing : public RigTest {
 protected:
  Importing() {
    rig_.config.upload_pause = std::chrono::milliseconds(0);
    rig_.config.upload_to.import = true;
    rig_.start();
  }
  std::string stores_of(const std::string& name) {
    const client::Image found = image(name);
    const std::string* stores = client::find_property(found.properties, "stores");
    return stores == nullptr ? "" : *stores;
  }
  OpenFile create(const std::string& data = "data") {
    auto [entry, opened] =
        files().create(rig_.directory_node("private"), "a", O_WRONLY | O_CREAT, kWriter, {});
    files().write(*opened.handle, 0, std::as_bytes(std::span(data)));
    return {.node = entry.node, .opened = std::move(opened)};
  }
  void set_stores(NodeId node, const std::string& stores) {
    files().set_xattr(node, "user.glance.stores", stores, XattrMode::kSet, {});
  }
  int close(OpenFile& file, std::stop_token stop = {}) {
    const int error =
        errno_thrown([&] { files().flush(*file.opened.handle, kWriter, std::move(stop)); });
    files().release(std::move(file.opened.handle));
    return error;
  }
  /// A close(2) that watches an import which does not end.
  std::future<int> close_for_ever(OpenFile& file, std::stop_token stop) {
    rig_.images.set_import_end(End::kNever);
    auto closing = std::async(std::launch::async, [&file, stop, this] {
      return errno_thrown([&] { files().flush(*file.opened.handle, kWriter, stop); });
    });
    while (pending().find("left: fast") == std::string::npos) std::this_thread::yield();
    return closing;
  }
  /// As kill -9 while a daemon watches an import: nothing is told to anybody.
  void die_while_importing() {
    OpenFile file = create("precious");
    std::stop_source stop;
    auto closing = close_for_ever(file, stop.get_token());
    stop.request_stop();
    EXPECT_EQ(closing.get(), EINTR);
    files().release(std::move(file.opened.handle));
    rig_.config.upload_delay = std::chrono::milliseconds(0);
  }
  void wait_until_active() {
    while (rig_.images.id_of("a").empty() || image("a").status != Status::kActive ||
           !pending().empty()) {
      std::this_thread::yield();
    }
  }
};

TEST_F(Importing, ACloseReturnsWhenTheImageIsActive) {
  const std::string data = pattern(300'000);
  rig_.copy_in("private", "a", data);
  EXPECT_EQ(image("a").status, Status::kActive);
  EXPECT_EQ(stores_of("a"), "fast");
  EXPECT_EQ(rig_.images.data(image("a").id), data);
  EXPECT_EQ(rig_.images.calls(Call::kUpload), 0);
  EXPECT_EQ(rig_.images.calls(Call::kStage), 1);
  EXPECT_THAT(pending(), IsEmpty());
}

TEST_F(Importing, EveryStoreHasItWhenTheCloseReturns) {
  rig_.config.upload_to = {.import = false, .stores = {"slow", "fast"}};
  rig_.restart();
  rig_.copy_in("private", "a", "data");
  EXPECT_EQ(stores_of("a"), "slow,fast");
  EXPECT_EQ(rig_.images.calls(Call::kUpload), 0);
}

TEST_F(Importing, OneStoreTakesAPlainUpload) {
  rig_.config.upload_to = {.import = false, .stores = {"slow"}};
  rig_.restart();
  rig_.copy_in("private", "a", "data");
  EXPECT_EQ(stores_of("a"), "slow");
  EXPECT_EQ(rig_.images.calls(Call::kStage), 0);
}

TEST_F(Importing, TheAttributeOfTheFileWins) {
  rig_.config.upload_to = {.import = false, .stores = {"slow"}};
  rig_.restart();
  OpenFile file = create();
  set_stores(file.node, "fast,slow");
  EXPECT_EQ(files().xattr(file.node, "user.glance.stores"), "fast,slow");
  EXPECT_EQ(close(file), 0);
  EXPECT_EQ(stores_of("a"), "fast,slow");
  EXPECT_EQ(rig_.images.calls(Call::kStage), 1);
}

TEST_F(Importing, TheAttributeCanBeTakenBack) {
  rig_.config.upload_to = {};
  rig_.restart();
  OpenFile file = create();
  set_stores(file.node, "slow");
  files().remove_xattr(file.node, "user.glance.stores", {});
  EXPECT_EQ(errno_thrown([&] { files().remove_xattr(file.node, "user.glance.stores", {}); }),
            ENODATA);
  EXPECT_EQ(close(file), 0);
  EXPECT_EQ(stores_of("a"), "fast");
}

TEST_F(Importing, StoresThatTheSiteLacksAreRefusedBeforeAnythingIsSent) {
  OpenFile file = create();
  EXPECT_EQ(errno_thrown([&] { set_stores(file.node, "fast,nowhere"); }), EINVAL);
  EXPECT_EQ(errno_thrown([&] { set_stores(file.node, ","); }), EINVAL);
  EXPECT_EQ(close(file), 0);
  files().unlink(rig_.directory_node("private"), "a", {});
  rig_.config.upload_to = {.import = false, .stores = {"nowhere"}};
  rig_.restart();
  const int created = rig_.images.calls(Call::kCreate);
  EXPECT_EQ(copy_error(), EINVAL);
  EXPECT_EQ(rig_.images.calls(Call::kCreate), created);
  EXPECT_THAT(pending(), HasSubstr("the site has fast, slow"));
}

TEST_F(Importing, SitesWithoutStagingSaySo) {
  rig_.images.set_import_methods({"web-download"});
  OpenFile file = create();
  EXPECT_EQ(errno_thrown([&] { set_stores(file.node, "fast,slow"); }), EOPNOTSUPP);
  EXPECT_EQ(close(file), EOPNOTSUPP);
  EXPECT_EQ(rig_.images.calls(Call::kCreate), 0);
}

TEST_F(Importing, TheStoresSurviveTheDaemon) {
  rig_.config.upload_to = {};
  rig_.restart();
  rig_.images.fail(Call::kStage, std::make_exception_ptr(
                                     HttpError(Operation::kUpload, 413, "PUT", "quota", "req-1")));
  OpenFile file = create();
  set_stores(file.node, "slow,fast");
  EXPECT_EQ(close(file), EDQUOT);
  rig_.config.upload_delay = std::chrono::milliseconds(0);
  rig_.restart();
  wait_until_active();
  EXPECT_EQ(stores_of("a"), "slow,fast");
}

TEST_F(Importing, WhatIsKnownOfAnImportIsTold) {
  OpenFile file = create();
  std::stop_source stop;
  auto closing = close_for_ever(file, stop.get_token());
  EXPECT_THAT(files().xattr(file.node, "user.glancefs.progress").value(),
              AllOf(HasSubstr("importing"), HasSubstr("4 of 4 bytes sent")));
  EXPECT_EQ(errno_thrown([&] { set_stores(file.node, "slow"); }), EBUSY);
  rig_.images.set_import_end(End::kGood);
  EXPECT_EQ(closing.get(), 0);
  files().release(std::move(file.opened.handle));
}

struct Failure {
  const char* name;
  End end;
  int error;
  const char* says;
};

class FailingImports : public Importing, public testing::WithParamInterface<Failure> {};

TEST_P(FailingImports, LeaveNothingAtGlanceAndKeepTheBytes) {
  rig_.images.set_import_end(GetParam().end);
  rig_.config.import_patience = std::chrono::milliseconds(0);
  if (GetParam().end == End::kNever) rig_.restart();
  EXPECT_EQ(copy_error("precious"), GetParam().error);
  EXPECT_EQ(rig_.images.count(), 0U);
  EXPECT_THAT(pending(), HasSubstr(GetParam().says));
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a")), "precious");
  EXPECT_EQ(rig_.images.calls(Call::kStage), 1) << "the same would only fail again";

  rig_.images.set_import_end(End::kGood);
  rig_.config.upload_delay = std::chrono::milliseconds(0);
  rig_.config.import_patience = std::chrono::minutes(1);
  rig_.restart();
  wait_until_active();
  EXPECT_EQ(rig_.images.data(image("a").id), "precious");
}

INSTANTIATE_TEST_SUITE_P(
    Ends, FailingImports,
    testing::Values(
        Failure{"stuck", End::kStuck, EIO, "into fast failed: Task failed due to Internal Error"},
        Failure{"queued", End::kQueued, EIO, "into fast failed: Task failed due to Internal Error"},
        Failure{"refused", End::kRefused, EDQUOT, "over a limit"},
        Failure{"never", End::kNever, ETIMEDOUT, "has not moved"}),
    [](const auto& each) { return each.param.name; });

TEST_F(Importing, WhatWasImportedWrongIsRemovedAndReported) {
  OpenFile file = create();
  std::stop_source stop;
  auto closing = close_for_ever(file, stop.get_token());
  rig_.images.edit(rig_.images.id_of("a"), [](client::Image& image) {
    image.status = Status::kActive;
    image.status_word = "active";
    image.hash_algorithm = "sha512";
    image.hash = std::string(128, '0');
    image.properties = {{"stores", "fast"}};
  });
  EXPECT_EQ(closing.get(), EIO);
  files().release(std::move(file.opened.handle));
  EXPECT_EQ(rig_.images.count(), 0U);
}

TEST_F(Importing, AnImageInSomeStoresOnlyIsAFailure) {
  OpenFile file = create();
  set_stores(file.node, "fast,slow");
  std::stop_source stop;
  auto closing = close_for_ever(file, stop.get_token());
  rig_.images.edit(rig_.images.id_of("a"), [](client::Image& image) {
    image.status = Status::kActive;
    image.status_word = "active";
    image.properties = {{"os_glance_failed_import", "slow"}, {"stores", "fast"}};
  });
  EXPECT_EQ(closing.get(), EIO);
  files().release(std::move(file.opened.handle));
  EXPECT_EQ(rig_.images.count(), 0U);
  EXPECT_THAT(pending(), HasSubstr("into slow failed"));
}

TEST_F(Importing, AnImageDeletedWhileItIsImportedIsStale) {
  OpenFile file = create();
  std::stop_source stop;
  auto closing = close_for_ever(file, stop.get_token());
  rig_.images.erase(rig_.images.id_of("a"));
  EXPECT_EQ(closing.get(), ESTALE);
  files().release(std::move(file.opened.handle));
}

TEST_F(Importing, AnOutageWhileWatchingIsNoFailure) {
  OpenFile file = create();
  std::stop_source stop;
  auto closing = close_for_ever(file, stop.get_token());
  const int before = rig_.images.calls(Call::kShow);
  rig_.images.fail(Call::kShow,
                   std::make_exception_ptr(
                       HttpError(Operation::kShow, client::Failure::kConnect, "GET", "refused")),
                   5);
  ASSERT_TRUE(rig_.images.wait_for_calls(Call::kShow, before + 7));
  rig_.images.set_import_end(End::kGood);
  EXPECT_EQ(closing.get(), 0);
  files().release(std::move(file.opened.handle));
}

TEST_F(Importing, ALostAnswerToTheOrderIsNoSecondImport) {
  // The order arrives, its answer does not: the test gives it in the client's place.
  rig_.images.hold(Call::kImport);
  OpenFile file = create();
  auto closing = std::async(std::launch::async, [&] {
    return errno_thrown([&] { files().flush(*file.opened.handle, kWriter, {}); });
  });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kImport, 1));
  rig_.images.edit(rig_.images.id_of("a"), [](client::Image& image) {
    image.properties = {{"os_glance_import_task", "t"}};
  });
  rig_.images.set_import_end(End::kNever);
  rig_.images.release(Call::kImport);
  // The late order is refused as a second one, and the first is watched.
  while (pending().find("importing") == std::string::npos) std::this_thread::yield();
  EXPECT_EQ(rig_.images.calls(Call::kStage), 1);
  rig_.images.erase(rig_.images.id_of("a"));
  EXPECT_EQ(closing.get(), ESTALE);
  files().release(std::move(file.opened.handle));
}

TEST_F(Importing, CtrlCLeavesTheImportToTheServer) {
  die_while_importing();
  EXPECT_EQ(image("a").status, Status::kImporting);
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a")), "precious");
  EXPECT_THAT(pending(), AllOf(HasSubstr("private/a"), HasSubstr("Glance goes on importing")));
}

TEST_F(Importing, TheNextMountGoesOnWaiting) {
  die_while_importing();
  const std::string id = rig_.images.id_of("a");
  rig_.restart();
  while (pending().find("importing") == std::string::npos) std::this_thread::yield();
  rig_.images.set_import_end(End::kGood);
  wait_until_active();
  EXPECT_EQ(rig_.images.id_of("a"), id);
  EXPECT_EQ(rig_.images.calls(Call::kStage), 1);
}

TEST_F(Importing, TheNextMountFindsWhatWasFinishedMeanwhile) {
  die_while_importing();
  const std::string id = rig_.images.id_of("a");
  rig_.stop();
  rig_.images.set_import_end(End::kGood);
  while (rig_.images.find(id)->status != Status::kActive) rig_.images.show(id, {});
  rig_.restart();
  wait_until_active();
  EXPECT_EQ(rig_.images.id_of("a"), id);
  EXPECT_EQ(rig_.images.calls(Call::kStage), 1);
}

TEST_F(Importing, WhatWasSetAfterTheCreateReachesAnImageThatIsFoundFinished) {
  die_while_importing();
  const NodeId directory = rig_.directory_node("private");
  const NodeId node = rig_.node("private", "a");
  files().set_xattr(node, "user.glance.os_distro", "debian", XattrMode::kSet, {});
  files().rename(directory, "a", directory, "b", 0, {});
  rig_.stop();
  rig_.images.set_import_end(End::kGood);
  const std::string id = rig_.images.id_of("a");
  while (rig_.images.find(id)->status != Status::kActive) rig_.images.show(id, {});
  rig_.restart();
  while (!pending().empty()) std::this_thread::yield();
  EXPECT_EQ(*client::find_property(image("b").properties, "os_distro"), "debian");
  EXPECT_EQ(rig_.images.calls(Call::kStage), 1);
}

TEST_F(Importing, TheNextMountBeginsAnewWhatIsStuck) {
  die_while_importing();
  const std::string id = rig_.images.id_of("a");
  rig_.images.set_import_end(End::kStuck);
  rig_.images.show(id, {});
  EXPECT_EQ(image("a").status, Status::kImporting);
  rig_.images.set_import_end(End::kGood);
  rig_.restart();
  wait_until_active();
  EXPECT_NE(rig_.images.id_of("a"), id);
  EXPECT_EQ(rig_.images.data(image("a").id), "precious");
}

TEST_F(Importing, TheNextMountBeginsAnewWhatWasOnlyStaged) {
  die_while_importing();
  const std::string id = rig_.images.id_of("a");
  rig_.stop();
  rig_.images.edit(id, [](client::Image& image) {
    image.status = Status::kUploading;
    image.status_word = "uploading";
    image.properties.clear();
  });
  rig_.images.set_import_end(End::kGood);
  rig_.restart();
  wait_until_active();
  EXPECT_NE(rig_.images.id_of("a"), id);
  EXPECT_EQ(rig_.images.count(), 1U);
}

TEST_F(Importing, OtherBytesThanThoseThatAreImportedBeginAnew) {
  die_while_importing();
  const std::string id = rig_.images.id_of("a");
  rig_.images.set_import_end(End::kGood);
  Opened file = files().open(rig_.node("private", "a"), O_WRONLY | O_TRUNC, kWriter, {});
  files().write(*file.handle, 0, std::as_bytes(std::span(std::string_view("corrected"))));
  files().flush(*file.handle, kWriter, {});
  files().release(std::move(file.handle));
  EXPECT_NE(rig_.images.id_of("a"), id);
  EXPECT_EQ(rig_.images.data(image("a").id), "corrected");
  EXPECT_EQ(rig_.images.count(), 1U);
}

TEST_F(Importing, RemovingTheFileRemovesWhatTheServerImports) {
  die_while_importing();
  files().unlink(rig_.directory_node("private"), "a", {});
  EXPECT_EQ(rig_.images.count(), 0U);
  EXPECT_THAT(rig_.names("private"), IsEmpty());
}

TEST_F(Importing, RemovingTheFileInTheMiddleOfItsImportDoes) {
  OpenFile file = create();
  auto closing = close_for_ever(file, {});
  files().unlink(rig_.directory_node("private"), "a", {});
  EXPECT_NE(closing.get(), 0);
  files().release(std::move(file.opened.handle));
  EXPECT_EQ(rig_.images.count(), 0U);
}

TEST_F(Importing, APutRefusedByPolicyNamesTheOtherWay) {
  rig_.config.upload_to = {};
  rig_.restart();
  const auto refusal = std::make_exception_ptr(
      HttpError(Operation::kUpload, 403, "PUT", "You are not authorized", "req-1"));
  rig_.images.fail(Call::kUpload, refusal);
  EXPECT_EQ(copy_error(), EACCES);
  EXPECT_THAT(pending(), AllOf(HasSubstr("You are not authorized"), HasSubstr("upload=import"),
                               HasSubstr("req-1")));
  EXPECT_EQ(rig_.images.count(), 0U);
  files().unlink(rig_.directory_node("private"), "a", {});

  rig_.images.set_import_methods({});
  rig_.images.fail(Call::kUpload, refusal);
  EXPECT_EQ(copy_error(), EACCES);
  EXPECT_THAT(pending(), Not(HasSubstr("upload=import")));
}

TEST_F(Importing, AnEmptyFileStaysQueued) {
  auto [entry, opened] =
      files().create(rig_.directory_node("private"), "a", O_WRONLY | O_CREAT, kWriter, {});
  rig_.config.upload_delay = std::chrono::milliseconds(0);
  files().release(std::move(opened.handle));
  rig_.restart();
  while (rig_.images.id_of("a").empty()) std::this_thread::yield();
  EXPECT_EQ(rig_.images.calls(Call::kStage), 0);
  EXPECT_EQ(image("a").status, Status::kQueued);
}

TEST_F(Importing, WhatSomebodyElseImportsIsLeftAlone) {
  const client::Image queued = queued_image();
  rig_.images.put(queued);
  rig_.restart();
  Opened file = files().open(rig_.node("private", "q"), O_WRONLY, kWriter, {});
  files().write(*file.handle, 0, std::as_bytes(std::span(std::string_view("data"))));
  rig_.images.edit(queued.id, [](client::Image& image) {
    image.status = Status::kImporting;
    image.status_word = "importing";
  });
  EXPECT_EQ(errno_thrown([&] { files().flush(*file.handle, kWriter, {}); }), EBUSY);
  files().release(std::move(file.handle));
  EXPECT_EQ(rig_.images.find(queued.id)->status, Status::kImporting);
}

TEST_F(Importing, AQueuedImageThatWeSpoiltIsGone) {
  rig_.images.put(queued_image());
  rig_.restart();
  rig_.images.set_import_end(End::kStuck);
  Opened file = files().open(rig_.node("private", "q"), O_WRONLY, kWriter, {});
  files().write(*file.handle, 0, std::as_bytes(std::span(std::string_view("data"))));
  EXPECT_EQ(errno_thrown([&] { files().flush(*file.handle, kWriter, {}); }), EIO);
  EXPECT_EQ(rig_.images.count(), 0U);
  rig_.images.set_import_end(End::kGood);
  EXPECT_EQ(errno_thrown([&] { files().flush(*file.handle, kWriter, {}); }), 0);
  files().release(std::move(file.handle));
  EXPECT_EQ(image("q").status, Status::kActive);
}

TEST_F(Importing, AQueuedImageThatFailedToImportIsFilledAsAnyOther) {
  client::Image queued = queued_image();
  queued.properties = {{"os_distro", "debian"},
                       {"os_glance_failed_import", "fast"},
                       {"os_glance_importing_to_stores", ""}};
  rig_.images.put(queued);
  rig_.restart();
  Opened file = files().open(rig_.node("private", "q"), O_WRONLY, kWriter, {});
  files().write(*file.handle, 0, std::as_bytes(std::span(std::string_view("data"))));
  files().flush(*file.handle, kWriter, {});
  files().release(std::move(file.handle));
  EXPECT_EQ(image("q").id, queued.id);
  EXPECT_EQ(image("q").status, Status::kActive);
}

}  // namespace
}  // namespace glancefs::fs
