// user.glance.stores of an image: copies from store to store.

#include "client/http.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::Status;
using test::FakeImages;
using Call = FakeImages::Call;
using End = FakeImages::ImportEnd;
using testing::HasSubstr;

constexpr const char* kStores = "user.glance.stores";

class StoreCopiesTest : public RigTest {
 protected:
  StoreCopiesTest() {
    rig_.config.upload_pause = std::chrono::milliseconds(0);
    rig_.config.is_admin = true;
    rig_.images.set_caller(rig_.images.project(), true);
    rig_.images.set_stores({"fast", "slow", "far"});
    rig_.images.set_import_methods({"glance-direct", "web-download", "copy-image"});
    id_ = rig_.images
              .add("a", "data",
                   [](client::Image& image) {
                     image.properties = {{"stores", "fast"}};
                   })
              .id;
    rig_.start();
    node_ = rig_.node("private", "a");
  }
  int set(const std::string& list, std::stop_token stop = {}) {
    return errno_thrown(
        [&] { files().set_xattr(node_, kStores, list, XattrMode::kSet, std::move(stop)); });
  }
  std::string stores() { return files().xattr(node_, kStores).value_or("(none)"); }
  std::string reason() { return files().xattr(node_, "user.glancefs.error").value_or(""); }
  std::optional<std::string> progress() { return files().xattr(node_, "user.glancefs.progress"); }
  int requests() {
    int all = 0;
    for (const Call call : {Call::kImport, Call::kAction, Call::kShow, Call::kUpdate}) {
      all += rig_.images.calls(call);
    }
    return all;
  }

  std::string id_;
  NodeId node_ = 0;
};

TEST_F(StoreCopiesTest, ALongerListCopies) {
  EXPECT_EQ(set("fast,slow,far"), 0);
  EXPECT_EQ(stores(), "fast,slow,far");
  EXPECT_EQ(rig_.images.calls(Call::kImport), 1);
  EXPECT_EQ(progress(), std::nullopt);
}

TEST_F(StoreCopiesTest, AShorterListDeletes) {
  ASSERT_EQ(set("fast,slow,far"), 0);
  EXPECT_EQ(set("slow"), 0);
  EXPECT_EQ(stores(), "slow");
  EXPECT_EQ(rig_.images.calls(Call::kImport), 1);
}

TEST_F(StoreCopiesTest, AMoveCopiesFirst) {
  EXPECT_EQ(set("slow"), 0);
  EXPECT_EQ(stores(), "slow");
}

TEST_F(StoreCopiesTest, AFailedCopyDeletesNothing) {
  rig_.images.set_import_end(End::kQueued);
  EXPECT_EQ(set("slow"), EIO);
  EXPECT_EQ(stores(), "fast");
  EXPECT_THAT(reason(), HasSubstr("into slow failed: Task failed due to Internal Error"));
  rig_.images.set_import_end(End::kRefused);
  EXPECT_EQ(set("slow"), EDQUOT);
}

TEST_F(StoreCopiesTest, WhatIsSoAlreadyCostsNothing) {
  ASSERT_EQ(set("fast,slow"), 0);
  const int before = requests();
  EXPECT_EQ(set("slow,fast"), 0);
  EXPECT_EQ(set("fast,slow,slow"), 0);
  EXPECT_EQ(requests(), before);
}

TEST_F(StoreCopiesTest, RefusesWhatCannotBe) {
  EXPECT_EQ(set("fast,nowhere"), EINVAL);
  EXPECT_THAT(reason(), HasSubstr("there is no store nowhere: the site has fast, slow, far"));
  EXPECT_EQ(set(""), EINVAL);
  EXPECT_EQ(set(","), EINVAL);
  EXPECT_EQ(errno_thrown([&] { files().remove_xattr(node_, kStores, {}); }), EPERM);
  EXPECT_EQ(
      errno_thrown([&] { files().set_xattr(node_, kStores, "slow", XattrMode::kCreate, {}); }),
      EEXIST);
  rig_.images.set_import_methods({"glance-direct"});
  EXPECT_EQ(set("fast,slow"), EOPNOTSUPP);
  EXPECT_THAT(reason(), HasSubstr("copy-image"));
  EXPECT_EQ(stores(), "fast");
}

TEST_F(StoreCopiesTest, CopyingIsForAdministrators) {
  rig_.images.set_caller(rig_.images.project(), false);
  EXPECT_EQ(set("fast,slow"), EACCES);
  EXPECT_THAT(reason(), HasSubstr("most sites leave copies to administrators"));
}

TEST_F(StoreCopiesTest, OnlyActiveImagesAreCopied) {
  rig_.images.edit(id_, [](client::Image& image) {
    image.status = Status::kDeactivated;
    image.status_word = "deactivated";
  });
  EXPECT_EQ(set("fast,slow"), EINVAL);
}

TEST_F(StoreCopiesTest, AnInterruptEndsTheWaitAndNotTheCopy) {
  rig_.images.set_import_end(End::kNever);
  std::stop_source stop;
  auto copying = std::async(std::launch::async, [&] { return set("fast,slow", stop.get_token()); });
  while (progress().value_or("").find("left: slow") == std::string::npos) {
    std::this_thread::yield();
  }
  EXPECT_THAT(progress().value(), testing::StartsWith("copying: running"));
  EXPECT_EQ(
      errno_thrown([&] { files().set_xattr(node_, "user.glance.x", "1", XattrMode::kSet, {}); }), 0)
      << "other changes go on";
  EXPECT_EQ(set("fast,far"), EBUSY) << "one import at a time";
  stop.request_stop();
  EXPECT_EQ(copying.get(), EINTR);
  EXPECT_EQ(progress(), std::nullopt);
  EXPECT_THAT(reason(), HasSubstr("Glance goes on copying"));
  rig_.images.set_import_end(End::kGood);
  // Nobody watches any more; the record shows it when it is asked for.
  for (int i = 0; i < 5; ++i) rig_.images.show(id_, {});
  EXPECT_EQ(*client::find_property(image("a").properties, "stores"), "fast,slow");
}

TEST_F(StoreCopiesTest, ACopyThatDoesNotMoveIsGivenUp) {
  rig_.config.import_patience = std::chrono::milliseconds(0);
  rig_.restart();
  rig_.images.set_import_end(End::kNever);
  EXPECT_EQ(set("fast,slow"), ETIMEDOUT);
}

TEST_F(StoreCopiesTest, TheLastCopyStays) {
  ASSERT_EQ(set("fast,slow"), 0);
  // Somebody else is faster.
  rig_.images.fail(Call::kAction,
                   std::make_exception_ptr(client::HttpError(
                       client::Operation::kAction, 403, "DELETE",
                       "Cannot delete image data from the only store containing it.", "req-1")));
  EXPECT_EQ(set("slow"), EPERM);
}

TEST_F(StoreCopiesTest, SomebodyElsesDeletionIsAsGood) {
  ASSERT_EQ(set("fast,slow"), 0);
  rig_.images.edit(id_, [](client::Image& image) { image.properties = {{"stores", "slow"}}; });
  EXPECT_EQ(set("slow"), 0);
  EXPECT_EQ(stores(), "slow");
}

TEST_F(StoreCopiesTest, AnImageThatIsGoneIsNotCopied) {
  rig_.images.erase(id_);
  EXPECT_EQ(set("fast,slow"), ENOENT);
}

}  // namespace
}  // namespace glancefs::fs
