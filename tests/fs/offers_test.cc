// Images that other projects offer to ours, through Filesystem.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/http.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::Image;
using client::MemberStatus;
using client::Visibility;
using Call = test::FakeImages::Call;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

class Offered : public RigTest {
 protected:
  Offered() { id_ = offer("theirs"); }

  std::string offer(const std::string& name, MemberStatus status = MemberStatus::kPending) {
    const std::string id = rig_.images
                               .add(name, "data",
                                    [](Image& image) {
                                      image.owner = "their-project";
                                      image.visibility = Visibility::kShared;
                                    })
                               .id;
    rig_.images.set_member(id, rig_.images.project(), status);
    return id;
  }
  MemberStatus answer() { return rig_.images.members(id_, {}).at(0).status; }
  NodeId shared() { return rig_.directory_node("shared"); }
  NodeId pending() { return files().lookup(shared(), ".pending", {}).node; }
  std::vector<std::string> names(NodeId directory) {
    std::vector<std::string> found;
    for (DirectoryEntry& entry : files().list(directory)) found.push_back(std::move(entry.name));
    return found;
  }
  void move(NodeId from, const std::string& name, NodeId to, const std::string& new_name) {
    files().rename(from, name, to, new_name, 0, {});
  }
  void refresh() {
    files().set_xattr(kRootNode, "user.glancefs.refresh", "1", XattrMode::kSet, {});
  }

  std::string id_;
};

TEST_F(Offered, AnOfferWaitsInADirectoryOfItsOwn) {
  rig_.start();
  EXPECT_THAT(names(shared()), IsEmpty()) << "neither the image nor the directory is listed";
  EXPECT_THAT(names(pending()), ElementsAre("theirs"));
  const NodeId file = files().find(pending(), "theirs")->node;
  EXPECT_EQ(rig_.read_all(file), "data");
  EXPECT_EQ(files().attributes(file).mode & 0777, 0444U);
  EXPECT_EQ(files().parent(pending()), shared());
  const NodeId control = files().find(kRootNode, ".glancefs")->node;
  EXPECT_THAT(rig_.read_all(files().find(control, "status")->node),
              HasSubstr("offers     1 in shared/.pending"));
}

TEST_F(Offered, MovingItToSharedAcceptsIt) {
  rig_.start();
  const NodeId file = files().find(pending(), "theirs")->node;
  move(pending(), "theirs", shared(), "theirs");
  EXPECT_EQ(answer(), MemberStatus::kAccepted);
  EXPECT_THAT(names(pending()), IsEmpty());
  EXPECT_THAT(names(shared()), ElementsAre("theirs"));
  EXPECT_EQ(files().find(shared(), "theirs")->node, file);
  refresh();
  EXPECT_THAT(names(shared()), ElementsAre("theirs"));
}

TEST_F(Offered, RemovingItRejectsIt) {
  rig_.start();
  files().unlink(pending(), "theirs", {});
  EXPECT_EQ(answer(), MemberStatus::kRejected);
  EXPECT_THAT(names(pending()), IsEmpty());
  refresh();
  EXPECT_THAT(names(shared()), IsEmpty());
  EXPECT_TRUE(rig_.images.find(id_)) << "that deletes nothing";
}

TEST_F(Offered, WhatIsNotOfferedAnyMoreIsNotThereAnyMore) {
  const std::string other = offer("other");
  rig_.start();
  EXPECT_THAT(names(pending()), UnorderedElementsAre("theirs", "other"));
  rig_.images.erase(id_);
  rig_.images.edit(other, [](Image& image) { image.visibility = Visibility::kCommunity; });
  rig_.images.fail(Call::kMembers, std::make_exception_ptr(client::HttpError(
                                       client::Operation::kAction, 404, "PUT", "no", "req-1")));
  EXPECT_EQ(errno_thrown([&] { files().unlink(pending(), "theirs", {}); }), ENOENT);
  rig_.images.fail(Call::kMembers, std::make_exception_ptr(client::HttpError(
                                       client::Operation::kAction, 403, "PUT", "no", "req-2")));
  EXPECT_EQ(errno_thrown([&] { move(pending(), "other", shared(), "other"); }), ENOENT);
  EXPECT_THAT(names(pending()), IsEmpty());
  EXPECT_THAT(rig_.names("community"), ElementsAre("other"));
}

TEST_F(Offered, MovingItBackTakesBackThatItWasAccepted) {
  rig_.images.set_member(id_, rig_.images.project(), MemberStatus::kAccepted);
  rig_.start();
  EXPECT_THAT(names(shared()), ElementsAre("theirs"));
  move(shared(), "theirs", pending(), "theirs");
  EXPECT_EQ(answer(), MemberStatus::kPending);
  EXPECT_THAT(names(shared()), IsEmpty());
  EXPECT_THAT(names(pending()), ElementsAre("theirs"));
  refresh();
  EXPECT_THAT(names(pending()), ElementsAre("theirs")) << "a listing that does not show it";
}

TEST_F(Offered, AnAcceptedImageIsNotDeleted) {
  rig_.images.set_member(id_, rig_.images.project(), MemberStatus::kAccepted);
  rig_.start();
  EXPECT_EQ(errno_thrown([&] { files().unlink(shared(), "theirs", {}); }), EACCES);
  EXPECT_THAT(files().xattr(rig_.node("shared", "theirs"), "user.glancefs.error").value_or(""),
              HasSubstr("mv to shared/.pending takes back"));
  EXPECT_EQ(rig_.images.calls(Call::kRemove), 0);
}

TEST_F(Offered, AnswersAreNothingElse) {
  rig_.images.add("ours", "data", [](Image& image) { image.visibility = Visibility::kShared; });
  rig_.start();
  const NodeId private_directory = rig_.directory_node("private");
  const auto refused = [&](NodeId from, const std::string& name, NodeId to,
                           const std::string& new_name) {
    return errno_thrown([&] { move(from, name, to, new_name); });
  };
  EXPECT_EQ(refused(pending(), "theirs", shared(), "another"), EACCES);
  EXPECT_EQ(refused(pending(), "theirs", pending(), "another"), EACCES);
  EXPECT_EQ(refused(pending(), "theirs", private_directory, "theirs"), EACCES);
  EXPECT_EQ(refused(shared(), "ours", pending(), "ours"), EACCES);
  EXPECT_EQ(refused(shared(), "ours", pending(), "theirs"), EACCES);
  EXPECT_EQ(refused(shared(), ".pending", shared(), "x"), EPERM);
  EXPECT_EQ(
      errno_thrown([&] { files().create(pending(), "new", O_WRONLY | O_CREAT, kWriter, {}); }),
      EPERM);
  EXPECT_EQ(answer(), MemberStatus::kPending);
  EXPECT_THAT(names(shared()), ElementsAre("ours"));
}

TEST_F(Offered, ANameThatIsTakenIsNotReplaced) {
  rig_.images.add("theirs", "ours", [](Image& image) { image.visibility = Visibility::kShared; });
  rig_.start();
  EXPECT_EQ(errno_thrown([&] { move(pending(), "theirs", shared(), "theirs"); }), EEXIST);
  EXPECT_EQ(answer(), MemberStatus::kPending);
  const std::string alias = "theirs~" + id_.substr(0, 8);
  move(pending(), alias, shared(), alias);
  EXPECT_EQ(answer(), MemberStatus::kAccepted);
  EXPECT_EQ(rig_.read_all(files().find(shared(), "theirs")->node), "ours");
  EXPECT_EQ(rig_.read_all(files().find(shared(), alias)->node), "data");
}

TEST_F(Offered, OffersAreAskedForWhenTheirTimeHasCome) {
  rig_.config.metadata_ttl = std::chrono::hours(1);
  rig_.start();
  const int before = rig_.images.calls(Call::kList);
  for (int i = 0; i < 100; ++i) pending();
  EXPECT_EQ(rig_.images.calls(Call::kList), before + 2);
  offer("late");
  EXPECT_THAT(names(pending()), ElementsAre("theirs"));
}

TEST_F(Offered, AnOfferThatWasWithdrawnVanishes) {
  rig_.config.metadata_ttl = std::chrono::milliseconds(0);
  rig_.start();
  EXPECT_THAT(names(pending()), ElementsAre("theirs"));
  rig_.images.edit(id_, [](Image& image) { image.visibility = Visibility::kPrivate; });
  EXPECT_THAT(names(pending()), IsEmpty());
}

TEST_F(Offered, WhatWasAcceptedElsewhereIsShared) {
  rig_.config.metadata_ttl = std::chrono::hours(1);
  rig_.start();
  EXPECT_THAT(names(pending()), ElementsAre("theirs"));
  rig_.images.set_member(id_, rig_.images.project(), MemberStatus::kAccepted);
  refresh();
  EXPECT_THAT(names(pending()), IsEmpty());
  EXPECT_THAT(names(shared()), ElementsAre("theirs"));
}

TEST_F(Offered, ACloudThatDoesNotAnswerTakesNothingAway) {
  rig_.config.metadata_ttl = std::chrono::milliseconds(0);
  rig_.start();
  EXPECT_THAT(names(pending()), ElementsAre("theirs"));
  rig_.images.fail(Call::kList,
                   std::make_exception_ptr(client::HttpError(client::Operation::kList, 503,
                                                             "GET /v2/images", "down", "req-1")),
                   1000);
  EXPECT_THAT(names(pending()), ElementsAre("theirs"));
}

TEST_F(Offered, AReadOnlyMountAnswersNothing) {
  rig_.config.read_only = true;
  rig_.start();
  EXPECT_EQ(errno_thrown([&] { files().unlink(pending(), "theirs", {}); }), EROFS);
  EXPECT_EQ(errno_thrown([&] { move(pending(), "theirs", shared(), "theirs"); }), EROFS);
  EXPECT_EQ(answer(), MemberStatus::kPending);
}

TEST_F(Offered, AdministratorsHaveNoOffers) {
  rig_.images.set_caller(rig_.images.project(), true);
  rig_.config.is_admin = true;
  rig_.start();
  EXPECT_EQ(pending(), 0U);
}

TEST_F(Offered, TheyAreThereWhereSharedIsTheRoot) {
  rig_.config.subdirectory = "shared";
  rig_.start();
  const NodeId waiting = files().lookup(kRootNode, ".pending", {}).node;
  EXPECT_THAT(names(waiting), ElementsAre("theirs"));
  EXPECT_EQ(files().parent(waiting), kRootNode);
  move(waiting, "theirs", kRootNode, "theirs");
  EXPECT_EQ(answer(), MemberStatus::kAccepted);
  EXPECT_THAT(names(kRootNode), ElementsAre("theirs"));
}

TEST_F(Offered, AnImageOfThatNameIsEscaped) {
  rig_.images.add(".pending", "x", [](Image& image) { image.visibility = Visibility::kShared; });
  rig_.start();
  EXPECT_THAT(names(shared()), ElementsAre("%2Epending"));
}

}  // namespace
}  // namespace glancefs::fs
