// Each status of an image: how it looks, what can be done, and what happens to who has it open.

#include "client/http.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::Status;
using test::FakeImages;
using Call = FakeImages::Call;
using testing::HasSubstr;

constexpr const char* kStatus = "user.glance.status";
constexpr std::uint64_t kSize = 1'000'000;

struct Look {
  const char* word;
  Status status;
  mode_t mode;
  std::uint64_t size;
  int open_error;
};

class StatusTest : public RigTest {
 protected:
  NodeId add(const Look& look) {
    id_ = rig_.images
              .add("a", pattern(kSize),
                   [&](client::Image& image) {
                     image.status = look.status;
                     image.status_word = look.word;
                   })
              .id;
    rig_.start();
    return rig_.node("private", "a");
  }
  NodeId add_active() {
    return add(
        {.word = "active", .status = Status::kActive, .mode = 0, .size = 0, .open_error = 0});
  }
  void become(Status status, const std::string& word) {
    rig_.images.edit(id_, [&](client::Image& image) {
      image.status = status;
      image.status_word = word;
    });
    files().set_xattr(kRootNode, "user.glancefs.refresh", "1", XattrMode::kSet, {});
  }
  int open_error(NodeId node) {
    return errno_thrown([&] { files().release(files().open(node, O_RDONLY, {}, {}).handle); });
  }
  int read_error(Handle& handle, std::uint64_t offset) {
    return errno_thrown([&] { rig_.read(handle, offset, 4096); });
  }
  int set(NodeId node, const std::string& word) {
    return errno_thrown([&] { files().set_xattr(node, kStatus, word, XattrMode::kSet, {}); });
  }
  std::string reason(NodeId node) {
    return files().xattr(node, "user.glancefs.error").value_or("");
  }
  std::string id_;
};

class Looks : public StatusTest, public testing::WithParamInterface<Look> {};

TEST_P(Looks, HasItsModeSizeAndErrno) {
  const Look& look = GetParam();
  const NodeId node = add(look);
  const Attributes attributes = files().attributes(node);
  EXPECT_EQ(attributes.mode & 0777, look.mode);
  EXPECT_EQ(attributes.size, look.size);
  EXPECT_EQ(open_error(node), look.open_error);
  EXPECT_EQ(files().xattr(node, kStatus), look.word);
  EXPECT_EQ(set(node, look.word), 0) << "it is that already";
}

INSTANTIATE_TEST_SUITE_P(All, Looks,
                         testing::Values(Look{"queued", Status::kQueued, 0644, 0, ENODATA},
                                         Look{"saving", Status::kSaving, 0644, 0, EBUSY},
                                         Look{"uploading", Status::kUploading, 0644, 0, EBUSY},
                                         Look{"importing", Status::kImporting, 0644, 0, EBUSY},
                                         Look{"active", Status::kActive, 0644, kSize, 0},
                                         Look{"deactivated", Status::kDeactivated, 0, kSize,
                                              EACCES},
                                         Look{"killed", Status::kOther, 0444, 0, EIO},
                                         Look{"pending_delete", Status::kOther, 0444, 0, EIO},
                                         Look{"melted", Status::kOther, 0444, 0, EIO}),
                         [](const auto& look) { return std::string(look.param.word); });

TEST_F(StatusTest, DeactivatingAndBack) {
  const NodeId node = add_active();
  EXPECT_EQ(set(node, "deactivated"), 0);
  EXPECT_EQ(rig_.images.find(id_)->status, Status::kDeactivated);
  EXPECT_EQ(files().attributes(node).mode & 0777, 0U);
  EXPECT_EQ(open_error(node), EACCES);
  const int actions = rig_.images.calls(Call::kAction);
  EXPECT_EQ(set(node, "deactivated"), 0);
  EXPECT_EQ(rig_.images.calls(Call::kAction), actions);
  EXPECT_EQ(set(node, "active"), 0);
  EXPECT_EQ(open_error(node), 0);
}

TEST_F(StatusTest, OtherWordsAreGlances) {
  const NodeId node = add_active();
  for (const char* word : {"queued", "Active", "", "deleted"}) {
    EXPECT_EQ(set(node, word), EINVAL) << word;
  }
  EXPECT_EQ(errno_thrown([&] { files().remove_xattr(node, kStatus, {}); }), EPERM);
  EXPECT_EQ(errno_thrown([&] { files().set_xattr(node, kStatus, "x", XattrMode::kCreate, {}); }),
            EEXIST);
  EXPECT_EQ(rig_.images.calls(Call::kAction), 0);
}

TEST_F(StatusTest, OnlyWhatHasDataIsActivated) {
  const NodeId node = add({"queued", Status::kQueued, 0, 0, 0});
  EXPECT_EQ(set(node, "active"), EINVAL);
  EXPECT_THAT(reason(node), HasSubstr("in status 'queued'"));
}

TEST_F(StatusTest, SomeSitesLeaveItToAdministrators) {
  const NodeId node = add_active();
  rig_.images.fail(Call::kAction, std::make_exception_ptr(client::HttpError(
                                      client::Operation::kAction, 403, "POST", "no", "req-1")));
  EXPECT_EQ(set(node, "deactivated"), EACCES);
}

TEST_F(StatusTest, AFileBeingWrittenHasNoStatusToSet) {
  rig_.start();
  auto [entry, opened] =
      files().create(rig_.directory_node("private"), "a", O_WRONLY | O_CREAT, kWriter, {});
  EXPECT_EQ(set(entry.node, "queued"), 0);
  EXPECT_EQ(set(entry.node, "active"), EPERM);
  files().release(std::move(opened.handle));
}

TEST_F(StatusTest, AnAdministratorReadsWhatIsDeactivated) {
  rig_.config.is_admin = true;
  rig_.images.set_caller(rig_.images.project(), true);
  const NodeId node = add({"deactivated", Status::kDeactivated, 0, 0, 0});
  EXPECT_EQ(files().attributes(node).mode & 0777, 0400U);
  EXPECT_EQ(rig_.read_all(node), pattern(kSize));
}

// As with any file: rights are asked for when it is opened. The kernel could not be stopped from
// reading by itself (passthrough) either.
TEST_F(StatusTest, WhoHasADeactivatedImageOpenReadsWhatIsHere) {
  const NodeId node = add_active();
  Opened opened = files().open(node, O_RDONLY, {}, {});
  EXPECT_EQ(read_error(*opened.handle, 0), 0);
  become(Status::kDeactivated, "deactivated");
  EXPECT_EQ(read_error(*opened.handle, 0), 0);
  EXPECT_EQ(read_error(*opened.handle, kSize - 4096), EACCES);
  EXPECT_EQ(open_error(node), EACCES);
  become(Status::kActive, "active");
  EXPECT_EQ(read_error(*opened.handle, kSize - 4096), 0);
  files().release(std::move(opened.handle));
}

TEST_F(StatusTest, ADeactivatedImageIsNotOpenedFromTheCache) {
  const NodeId node = add_active();
  EXPECT_EQ(rig_.read_all(node), pattern(kSize));
  become(Status::kDeactivated, "deactivated");
  EXPECT_EQ(open_error(node), EACCES);
}

TEST_F(StatusTest, WhoHasADeletedImageOpenReadsWhatIsHere) {
  const NodeId node = add_active();
  Opened opened = files().open(node, O_RDONLY, {}, {});
  EXPECT_EQ(read_error(*opened.handle, 0), 0);
  rig_.images.erase(id_);
  EXPECT_EQ(read_error(*opened.handle, 0), 0);
  EXPECT_EQ(read_error(*opened.handle, kSize - 4096), ESTALE);
  files().release(std::move(opened.handle));
}

// The record may be half a minute old; whoever is refused for what it says has it asked for again.
TEST_F(StatusTest, DataThatHasJustComeCanBeRead) {
  const NodeId node = add({"queued", Status::kQueued, 0, 0, 0});
  EXPECT_EQ(open_error(node), ENODATA);
  rig_.images.edit(id_, [](client::Image& image) {
    image.status = Status::kActive;
    image.status_word = "active";
  });
  EXPECT_EQ(open_error(node), 0);
}

TEST_F(StatusTest, WhatIsStuckSaysSoUnasked) {
  const NodeId node = add({"queued", Status::kQueued, 0, 0, 0});
  EXPECT_THAT(reason(node), HasSubstr("refused its data")) << "it has a checksum";
  rig_.images.edit(id_, [](client::Image& image) {
    image.status = Status::kImporting;
    image.status_word = "importing";
    image.properties = {{"os_glance_failed_import", "fast"}};
  });
  files().set_xattr(kRootNode, "user.glancefs.refresh", "1", XattrMode::kSet, {});
  EXPECT_THAT(reason(node), HasSubstr("import into fast has failed"));
}

}  // namespace
}  // namespace glancefs::fs
