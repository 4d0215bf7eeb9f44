// user.glance.members.

#include "client/http.h"
#include "client/members.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::MemberStatus;
using client::Visibility;
using test::FakeImages;
using Call = FakeImages::Call;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kMembers = "user.glance.members";

class SharingTest : public RigTest {
 protected:
  NodeId add(const std::string& owner = {}, Visibility visibility = Visibility::kShared) {
    id_ = rig_.images
              .add("a", "data",
                   [&](client::Image& image) {
                     image.visibility = visibility;
                     if (!owner.empty()) image.owner = owner;
                   })
              .id;
    rig_.start();
    return rig_.node(std::string(to_string(visibility)), "a");
  }
  int set(NodeId node, const std::string& list, XattrMode mode = XattrMode::kSet) {
    return errno_thrown([&] { files().set_xattr(node, kMembers, list, mode, {}); });
  }
  std::optional<std::string> get(NodeId node) { return files().ask_xattr(node, kMembers, {}); }
  std::string reason(NodeId node) {
    return files().xattr(node, "user.glancefs.error").value_or("");
  }
  std::exception_ptr refusal(int status, const std::string& text) {
    return std::make_exception_ptr(
        client::HttpError(client::Operation::kAction, status, "request", text, "req-1"));
  }
  std::string id_;
};

TEST_F(SharingTest, AnImageIsOfferedAndWithdrawn) {
  const NodeId node = add();
  EXPECT_EQ(get(node), std::nullopt);
  EXPECT_EQ(set(node, "two,one"), 0);
  EXPECT_EQ(get(node), "one=pending,two=pending");
  rig_.images.set_member(id_, "one", MemberStatus::kAccepted);
  EXPECT_EQ(set(node, "one,three"), 0);
  EXPECT_EQ(get(node), "one=accepted,three=pending");
  files().remove_xattr(node, kMembers, {});
  EXPECT_EQ(get(node), std::nullopt);
  EXPECT_EQ(errno_thrown([&] { files().remove_xattr(node, kMembers, {}); }), ENODATA);
}

TEST_F(SharingTest, WhatIsReadCanBeWrittenBack) {
  const NodeId node = add();
  rig_.images.set_member(id_, "a,b=c", MemberStatus::kRejected);
  rig_.images.set_member(id_, "d", MemberStatus::kAccepted);
  const std::string before = get(node).value();
  const int calls = rig_.images.calls(Call::kMembers);
  EXPECT_EQ(set(node, before), 0);
  EXPECT_EQ(rig_.images.calls(Call::kMembers), calls + 1) << "only the look";
  EXPECT_EQ(get(node), before);
}

TEST_F(SharingTest, CreateAndReplaceAreToldApart) {
  const NodeId node = add();
  EXPECT_EQ(set(node, "one", XattrMode::kReplace), ENODATA);
  EXPECT_EQ(set(node, "one", XattrMode::kCreate), 0);
  EXPECT_EQ(set(node, "two", XattrMode::kCreate), EEXIST);
}

TEST_F(SharingTest, MembersAreNeverListedNorAskedForUnasked) {
  const NodeId node = add();
  EXPECT_EQ(set(node, "one"), 0);
  const int calls = rig_.images.calls(Call::kMembers);
  EXPECT_THAT(files().xattr_names(node), Not(Contains(kMembers)));
  EXPECT_EQ(files().xattr(node, kMembers), std::nullopt);
  EXPECT_EQ(rig_.images.calls(Call::kMembers), calls);
  EXPECT_TRUE(Filesystem::asks_for_xattr(kMembers));
  EXPECT_FALSE(Filesystem::asks_for_xattr("user.glance.name"));
}

TEST_F(SharingTest, OnlyAMemberSaysThatItAccepts) {
  const NodeId node = add();
  EXPECT_EQ(set(node, "one=pending,two"), 0);
  EXPECT_EQ(set(node, "one=accepted,three"), EPERM);
  EXPECT_EQ(get(node), "one=pending,two=pending") << "nothing has been done";
  EXPECT_EQ(set(node, "one,new=accepted"), EPERM);
  EXPECT_THAT(reason(node), StartsWith("only project new can say that it is accepted"));
}

TEST_F(SharingTest, AnAdministratorMaySayItForMembers) {
  rig_.config.is_admin = true;
  rig_.images.set_caller(rig_.images.project(), true);
  const NodeId node = add();
  EXPECT_EQ(set(node, "one=accepted"), 0);
  EXPECT_EQ(get(node), "one=accepted");
}

TEST_F(SharingTest, OfAnOfferedImageOurOwnStatusCanBeSet) {
  const NodeId node = add("somebody");
  const std::string us = rig_.images.project();
  rig_.images.set_member(id_, "others", MemberStatus::kAccepted);
  EXPECT_EQ(get(node), us + "=accepted");
  EXPECT_EQ(set(node, us + "=rejected"), 0);
  EXPECT_EQ(get(node), us + "=rejected");
  EXPECT_EQ(set(node, us), 0) << "still a member";
  const int calls = rig_.images.calls(Call::kMembers);
  EXPECT_EQ(set(node, us + "=accepted,others=rejected"), EPERM);
  EXPECT_EQ(set(node, ""), EPERM);
  EXPECT_EQ(set(node, "others"), EPERM);
  EXPECT_EQ(rig_.images.calls(Call::kMembers), calls + 3) << "looks only";
  EXPECT_THAT(reason(node), HasSubstr("the image was offered to us"));
}

TEST_F(SharingTest, OnlySharedImagesHaveMembers) {
  const NodeId node = add({}, Visibility::kPrivate);
  EXPECT_EQ(get(node), std::nullopt);
  EXPECT_EQ(set(node, "one"), EINVAL);
  EXPECT_EQ(rig_.images.calls(Call::kMembers), 0);
  EXPECT_THAT(reason(node), HasSubstr("mv it to shared/"));
}

TEST_F(SharingTest, ARefusalInTheMiddleTellsWhatWasDone) {
  const NodeId node = add();
  EXPECT_EQ(set(node, "a,b"), 0);
  // The look, a and b withdrawn, c offered, and then no more.
  rig_.images.fail(Call::kMembers, refusal(413, "over the limit on allowed image members"), 1, 4);
  EXPECT_EQ(set(node, "c,d"), ENOSPC);
  EXPECT_THAT(reason(node), HasSubstr("offered to d was not, but before that it was withdrawn from "
                                      "a, withdrawn from b, offered to c"));
  EXPECT_EQ(get(node), "c=pending");
  EXPECT_EQ(set(node, "c,d"), 0);
  EXPECT_EQ(get(node), "c=pending,d=pending");
}

TEST_F(SharingTest, WhatSomebodyElseHasDoneMeanwhileIsFine) {
  const NodeId node = add();
  EXPECT_EQ(set(node, "a"), 0);
  rig_.images.fail(Call::kMembers, refusal(404, "not found in the member list"), 1, 1);
  rig_.images.fail(Call::kMembers, refusal(409, "already associated with image"), 1, 2);
  EXPECT_EQ(set(node, "b"), 0);
}

TEST_F(SharingTest, AFileBeingWrittenIsOfferedWhenItIsAtGlance) {
  rig_.start();
  auto [entry, opened] =
      files().create(rig_.directory_node("shared"), "a", O_WRONLY | O_CREAT, kWriter, {});
  EXPECT_EQ(set(entry.node, "one,two=pending"), 0);
  EXPECT_EQ(get(entry.node), "one,two");
  EXPECT_EQ(set(entry.node, "one=accepted"), EPERM);
  EXPECT_THAT(files().xattr_names(entry.node), Not(Contains(kMembers)));
  EXPECT_EQ(rig_.images.calls(Call::kMembers), 0);
  files().write(*opened.handle, 0, std::as_bytes(std::span("data", 4)));
  files().flush(*opened.handle, kWriter, {});
  files().release(std::move(opened.handle));
  EXPECT_EQ(get(rig_.node("shared", "a")), "one=pending,two=pending");
  EXPECT_EQ(client::find_property(image("a").properties, "members"), nullptr);
}

TEST_F(SharingTest, AFileThatIsNotToBeSharedHasNoMembers) {
  rig_.start();
  auto [entry, opened] =
      files().create(rig_.directory_node("private"), "a", O_WRONLY | O_CREAT, kWriter, {});
  EXPECT_EQ(set(entry.node, "one"), EINVAL);
  files().release(std::move(opened.handle));
}

TEST_F(SharingTest, MembersSetDuringTheUploadAreOfferedAfterIt) {
  rig_.start();
  auto [entry, opened] =
      files().create(rig_.directory_node("shared"), "a", O_WRONLY | O_CREAT, kWriter, {});
  files().write(*opened.handle, 0, std::as_bytes(std::span("data", 4)));
  EXPECT_EQ(set(entry.node, "one"), 0);
  rig_.images.hold(Call::kUpload);
  auto closing = std::async(std::launch::async, [&, handle = opened.handle.get()] {
    return errno_thrown([&] { files().flush(*handle, kWriter, {}); });
  });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpload, 1));
  EXPECT_EQ(set(entry.node, "two"), 0);
  rig_.images.release(Call::kUpload);
  EXPECT_EQ(closing.get(), 0);
  files().release(std::move(opened.handle));
  EXPECT_EQ(get(rig_.node("shared", "a")), "two=pending");
}

TEST_F(SharingTest, WhatTheJournalHoldsIsOfferedByTheNextMount) {
  rig_.start();
  auto [entry, opened] =
      files().create(rig_.directory_node("shared"), "a", O_WRONLY | O_CREAT, kWriter, {});
  EXPECT_EQ(set(entry.node, "one"), 0);
  files().write(*opened.handle, 0, std::as_bytes(std::span("data", 4)));
  rig_.images.fail(Call::kCreate, refusal(503, "away"));
  EXPECT_NE(errno_thrown([&] { files().flush(*opened.handle, kWriter, {}); }), 0);
  files().release(std::move(opened.handle));
  rig_.restart();
  while (rig_.images.id_of("a").empty() || !pending().empty()) std::this_thread::yield();
  EXPECT_EQ(get(rig_.node("shared", "a")), "one=pending");
}

}  // namespace
}  // namespace glancefs::fs
