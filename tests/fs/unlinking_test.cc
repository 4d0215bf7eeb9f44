// unlink(2): what is deleted, what is refused, and what is left of it here.
#include <filesystem>

#include "client/http.h"
#include "fs/write/unfinished.h"
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
using testing::IsEmpty;

class Unlinking : public RigTest {
 protected:
  Unlinking() {
    id_ = rig_.images.add("a", "data").id;
    rig_.start();
  }
  NodeId directory() { return rig_.directory_node("private"); }
  int remove_error(const std::string& name = "a") {
    return errno_thrown([&] { files().unlink(directory(), name, {}); });
  }
  std::string error_of(const std::string& name) {
    return files().xattr(rig_.node("private", name), "user.glancefs.error").value_or("");
  }
  // A record of ours called q, in that state.
  client::Image record(Status status, const client::Properties& properties = {},
                       const std::string& checksum = {}) {
    client::Image image = queued_image();
    image.status = status;
    image.status_word = to_string(status);
    image.properties = properties;
    image.checksum = checksum;
    image.updated = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return image;
  }

  std::string id_;
};

TEST_F(Unlinking, DeletesTheImage) {
  EXPECT_EQ(remove_error(), 0);
  EXPECT_FALSE(rig_.images.find(id_));
  EXPECT_THAT(rig_.names("private"), IsEmpty());
  EXPECT_EQ(remove_error(), ENOENT);
}

TEST_F(Unlinking, ProtectedImagesStay) {
  rig_.images.edit(id_, [](client::Image& image) { image.is_protected = true; });
  EXPECT_EQ(remove_error(), EPERM) << "protected elsewhere";
  rig_.restart();
  EXPECT_EQ(remove_error(), EPERM);
  EXPECT_TRUE(rig_.images.find(id_));
  EXPECT_THAT(error_of("a"), HasSubstr("protected"));
  EXPECT_THAT(files().xattr(directory(), "user.glancefs.error").value_or(""),
              HasSubstr("protected"));
}

TEST_F(Unlinking, CanBeSwitchedOff) {
  rig_.config.allow_delete = false;
  rig_.restart();
  EXPECT_EQ(remove_error(), EPERM);
  EXPECT_TRUE(rig_.images.find(id_));
  // What never was an image is no image to keep.
  auto [entry, file] = files().create(directory(), ".tmp", O_RDWR | O_CREAT, kWriter, {});
  files().release(std::move(file.handle));
  EXPECT_EQ(remove_error(".tmp"), 0);
}

TEST_F(Unlinking, TheMountItselfStays) {
  EXPECT_EQ(errno_thrown([&] { files().unlink(kRootNode, "private", {}); }), EPERM);
  const NodeId control = files().find(kRootNode, ".glancefs")->node;
  EXPECT_EQ(errno_thrown([&] { files().unlink(control, "status", {}); }), EPERM);
}

TEST_F(Unlinking, OthersImagesStay) {
  rig_.images.add("theirs", "x", [](client::Image& image) {
    image.owner = "somebody";
    image.visibility = client::Visibility::kPublic;
  });
  rig_.restart();
  const NodeId where = rig_.directory_node("public");
  EXPECT_EQ(errno_thrown([&] { files().unlink(where, "theirs", {}); }), EACCES);
  EXPECT_THAT(files().xattr(where, "user.glancefs.error").value_or(""),
              HasSubstr("belongs to project somebody"));
  EXPECT_EQ(rig_.images.calls(Call::kRemove), 0);
}

TEST_F(Unlinking, AnImageInUseStays) {
  rig_.images.fail(Call::kRemove, std::make_exception_ptr(HttpError(
                                      Operation::kRemove, 409, "DELETE", "in use by store", "r")));
  EXPECT_EQ(remove_error(), EBUSY);
  EXPECT_THAT(rig_.names("private"), ElementsAre("a"));
  EXPECT_THAT(error_of("a"), HasSubstr("in use by store"));
}

TEST_F(Unlinking, WhatWasDeletedElsewhereIsGone) {
  rig_.images.erase(id_);
  EXPECT_EQ(remove_error(), ENOENT);
  EXPECT_THAT(rig_.names("private"), IsEmpty());
}

// The name leads to something else by now; the image was renamed so that it would be kept.
TEST_F(Unlinking, WhatWasRenamedElsewhereStays) {
  rig_.images.edit(id_, [](client::Image& image) { image.name = "kept"; });
  EXPECT_EQ(remove_error(), ENOENT);
  EXPECT_TRUE(rig_.images.find(id_));
  EXPECT_THAT(rig_.names("private"), ElementsAre("kept"));
}

TEST_F(Unlinking, HiddenImagesAreDeletedById) {
  rig_.images.edit(id_, [](client::Image& image) { image.hidden = true; });
  rig_.restart();
  const NodeId control = files().find(kRootNode, ".glancefs")->node;
  files().unlink(files().find(control, "by-id")->node, id_, {});
  EXPECT_FALSE(rig_.images.find(id_));
}

TEST_F(Unlinking, EveryStatusCanBeDeleted) {
  for (const Status status : {Status::kQueued, Status::kSaving, Status::kUploading,
                              Status::kImporting, Status::kActive, Status::kDeactivated}) {
    rig_.images.put(record(status));
    rig_.restart();
    EXPECT_EQ(remove_error("q"), 0) << to_string(status);
    EXPECT_EQ(rig_.images.count(), 1U) << to_string(status);
  }
}

TEST_F(Unlinking, WhoHasItOpenKeepsWhatIsHere) {
  const std::string data = pattern(1'000'000);
  rig_.images.add("b", data);
  rig_.restart();
  Opened reader = files().open(rig_.node("private", "b"), O_RDONLY, {}, {});
  ASSERT_EQ(rig_.read(*reader.handle, 0, data.size()), data);
  EXPECT_EQ(remove_error("b"), 0);
  EXPECT_EQ(rig_.read(*reader.handle, 500'000, 1000), data.substr(500'000, 1000));
  files().release(std::move(reader.handle));
}

TEST_F(Unlinking, WhatIsNotHereIsGone) {
  rig_.images.add("b", pattern(8'000'000));
  rig_.restart();
  Opened reader = files().open(rig_.node("private", "b"), O_RDONLY, {}, {});
  EXPECT_EQ(remove_error("b"), 0);
  EXPECT_EQ(errno_thrown([&] { rig_.read(*reader.handle, 4'000'000, 1000); }), ESTALE);
  files().release(std::move(reader.handle));
}

TEST_F(Unlinking, NothingOfItStaysInTheCache) {
  rig_.read_all(rig_.node("private", "a"));
  ASSERT_EQ(rig_.store->usage().objects, 1U);
  EXPECT_EQ(remove_error(), 0);
  EXPECT_EQ(rig_.store->usage().objects, 0U);
}

struct Stuck {
  const char* name;
  Status status;
  client::Properties properties;
  std::string checksum;
  std::chrono::hours age;
  const char* says;  ///< "": nothing is wrong with it
};

class StuckRecord : public Unlinking, public testing::WithParamInterface<Stuck> {};

TEST_P(StuckRecord, SaysSoAndCanBeRemoved) {
  client::Image image = record(GetParam().status, GetParam().properties, GetParam().checksum);
  image.updated -= GetParam().age;
  image.size = 1000;
  rig_.images.put(image);
  rig_.restart();
  const int asked = rig_.images.calls(Call::kShow);
  const std::string error = error_of("q");
  EXPECT_THAT(error, HasSubstr(GetParam().says));
  EXPECT_EQ(error.empty(), std::string_view(GetParam().says).empty());
  EXPECT_EQ(rig_.images.calls(Call::kShow), asked) << "nobody is asked for it";
  EXPECT_EQ(files().attributes(rig_.node("private", "q")).size, 0U);
  EXPECT_EQ(remove_error("q"), 0);
  EXPECT_FALSE(rig_.images.find(image.id));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, StuckRecord,
    testing::Values(
        Stuck{"Saving", Status::kSaving, {}, "", std::chrono::hours(2), "its upload has begun at"},
        Stuck{"SavingSinceJustNow", Status::kSaving, {}, "", std::chrono::hours(0), ""},
        Stuck{"Staged", Status::kUploading, {}, "", std::chrono::hours(2), "only rm gets it out"},
        Stuck{"ImportFailed",
              Status::kImporting,
              {{"os_glance_failed_import", "fast,slow"}},
              "",
              std::chrono::hours(0),
              "its import into fast, slow has failed; only rm"},
        Stuck{"ImportRuns",
              Status::kImporting,
              {{"os_glance_import_task", "x"}},
              "",
              std::chrono::hours(9),
              ""},
        Stuck{"DownloadFailed",
              Status::kQueued,
              {{"os_glance_failed_import", "fast"}},
              "",
              std::chrono::hours(0),
              "its import into fast has failed"},
        Stuck{
            "Poisoned", Status::kQueued, {}, "d41d8cd9", std::chrono::hours(0), "takes no others"},
        Stuck{"Queued", Status::kQueued, {}, "", std::chrono::hours(99), ""}),
    [](const auto& each) { return each.param.name; });

TEST_F(Unlinking, ARecordThatTakesNoDataIsNotOpenedForThem) {
  rig_.images.put(record(Status::kQueued, {}, "d41d8cd9"));
  rig_.restart();
  const NodeId node = rig_.node("private", "q");
  EXPECT_EQ(errno_thrown([&] { files().open(node, O_WRONLY, kWriter, {}); }), EPERM);
}

}  // namespace
}  // namespace glancefs::fs
