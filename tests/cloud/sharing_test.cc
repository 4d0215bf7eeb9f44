// Who sees what: visibilities, members, three users.
#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

class Sharing : public CloudTest {
 protected:
  void SetUp() override { tag_ = "t-" + new_uuid(); }

  /// An image with this visibility and the test's tag.
  std::string make(const User& user, const std::string& visibility) {
    return create(user, {{"visibility", visibility}, {"tags", {tag_}}});
  }
  [[nodiscard]] std::vector<std::string> seen(const User& user,
                                              const std::string& query = "") const {
    return list(user, "tag=" + tag_ + query);
  }
  static std::string members(const std::string& id) { return "/v2/images/" + id + "/members"; }
  static std::string member(const std::string& id, const User& user) {
    return members(id) + "/" + user.project_id;
  }
  static Reply offer(const std::string& id, const User& to) {
    return post(cloud().demo, members(id), {{"member", to.project_id}});
  }
  static Reply answer(const std::string& id, const User& user, const std::string& status) {
    return put_json(user, member(id, user), {{"status", status}});
  }

  std::string tag_;
};

TEST_F(Sharing, MemberSeesOwnAndPublic) {
  const auto mine = make(cloud().demo, "private");
  const auto shared = make(cloud().demo, "shared");
  const auto community = make(cloud().demo, "community");
  const auto everybodys = make(cloud().admin, "public");
  EXPECT_THAT(seen(cloud().demo), UnorderedElementsAre(mine, shared, community, everybodys));
  EXPECT_THAT(seen(cloud().demo, "&visibility=private"), UnorderedElementsAre(mine));
  EXPECT_THAT(seen(cloud().other), UnorderedElementsAre(everybodys));
  EXPECT_THAT(seen(cloud().other, "&visibility=all"), UnorderedElementsAre(community, everybodys));
  EXPECT_THAT(seen(cloud().other, "&visibility=community"), UnorderedElementsAre(community));
  EXPECT_THAT(seen(cloud().other, "&visibility=public"), UnorderedElementsAre(everybodys));
  EXPECT_THAT(seen(cloud().other, "&visibility=shared"), IsEmpty());
}

TEST_F(Sharing, AdminSeesEverybodysButForeignCommunity) {
  const auto foreign = make(cloud().demo, "private");
  const auto shared = make(cloud().other, "shared");
  const auto community = make(cloud().demo, "community");
  EXPECT_THAT(seen(cloud().admin), UnorderedElementsAre(foreign, shared));
  EXPECT_THAT(seen(cloud().admin, "&visibility=all"),
              UnorderedElementsAre(foreign, shared, community));
  EXPECT_THAT(seen(cloud().admin, "&owner=" + cloud().other.project_id),
              UnorderedElementsAre(shared));
}

TEST_F(Sharing, InvisibleRecordsAreNotFound) {
  for (const auto* visibility : {"private", "shared"}) {
    const auto id = make(cloud().demo, visibility);
    EXPECT_THAT(get(cloud().other, "/v2/images/" + id), Answers(404));
    EXPECT_THAT(patch_one(cloud().other, id, "add", "/x", "1"), Answers(404));
    EXPECT_THAT(del(cloud().other, "/v2/images/" + id), Answers(404));
    EXPECT_THAT(get(cloud().admin, "/v2/images/" + id), Answers(200));
  }
}

TEST_F(Sharing, VisibleForeignImagesAreReadOnly) {
  const auto id = make(cloud().demo, "community");
  EXPECT_THAT(get(cloud().other, "/v2/images/" + id), Answers(200));
  EXPECT_THAT(patch_one(cloud().other, id, "add", "/x", "1"), Answers(403));
  EXPECT_THAT(del(cloud().other, "/v2/images/" + id), Answers(403));
  EXPECT_THAT(upload(cloud().other, id, "data"), Answers(403));
}

TEST_F(Sharing, OnlyAdministratorsPublish) {
  const auto id = make(cloud().demo, "private");
  EXPECT_THAT(patch_one(cloud().demo, id, "replace", "/visibility", "public"),
              Answers(403, "publicize_image"));
  EXPECT_THAT(patch_one(cloud().admin, id, "replace", "/visibility", "public"), Answers(200));
  EXPECT_THAT(seen(cloud().other), UnorderedElementsAre(id));
  EXPECT_THAT(patch_one(cloud().demo, id, "replace", "/visibility", "private"), Answers(200));
  EXPECT_THAT(seen(cloud().other), IsEmpty());
}

TEST_F(Sharing, OfferIsPendingUntilAccepted) {
  const auto id = make(cloud().demo, "shared");
  const auto offered = offer(id, cloud().other);
  ASSERT_THAT(offered, Answers(200));
  EXPECT_EQ(offered.json()["status"], "pending");
  EXPECT_EQ(offered.json()["member_id"], cloud().other.project_id);
  EXPECT_EQ(offered.json()["image_id"], id);
  EXPECT_THAT(seen(cloud().other), IsEmpty());
  EXPECT_THAT(seen(cloud().other, "&visibility=all"), IsEmpty());
  EXPECT_THAT(seen(cloud().other, "&member_status=pending"), UnorderedElementsAre(id));
  EXPECT_THAT(seen(cloud().other, "&member_status=all&visibility=all"), UnorderedElementsAre(id));
  ASSERT_THAT(answer(id, cloud().other, "accepted"), Answers(200, "accepted"));
  EXPECT_THAT(seen(cloud().other), UnorderedElementsAre(id));
  EXPECT_THAT(seen(cloud().other, "&visibility=shared"), UnorderedElementsAre(id));
  ASSERT_THAT(answer(id, cloud().other, "rejected"), Answers(200));
  EXPECT_THAT(seen(cloud().other), IsEmpty());
  EXPECT_THAT(seen(cloud().other, "&member_status=rejected"), UnorderedElementsAre(id));
}

// Lists hide it, but whoever knows the id gets record and data.
TEST_F(Sharing, PendingAndRejectedMembersCanStillRead) {
  const auto id = make(cloud().demo, "shared");
  ASSERT_THAT(upload(cloud().demo, id, "shared data"), Answers(204));
  ASSERT_THAT(offer(id, cloud().other), Answers(200));
  EXPECT_THAT(get(cloud().other, "/v2/images/" + id), Answers(200));
  EXPECT_THAT(download(cloud().other, id), Answers(200, "shared data"));
  ASSERT_THAT(answer(id, cloud().other, "rejected"), Answers(200));
  EXPECT_THAT(download(cloud().other, id), Answers(200, "shared data"));
  EXPECT_THAT(patch_one(cloud().other, id, "add", "/x", "1"), Answers(403));
  EXPECT_THAT(del(cloud().other, "/v2/images/" + id), Answers(403));
  ASSERT_THAT(del(cloud().demo, member(id, cloud().other)), Answers(204));
  EXPECT_THAT(download(cloud().other, id), Answers(404));
}

TEST_F(Sharing, MemberRulesOfTheOwner) {
  const auto id = make(cloud().demo, "shared");
  ASSERT_THAT(offer(id, cloud().other), Answers(200));
  EXPECT_THAT(offer(id, cloud().other), Answers(409));
  EXPECT_THAT(post(cloud().demo, members(id), {{"member", ""}}), Answers(400));
  EXPECT_THAT(post(cloud().demo, members(id), Json::object()), Answers(400));
  EXPECT_THAT(post(cloud().demo, members(id), {{"member", "no such project"}}), Answers(200));
  EXPECT_THAT(put_json(cloud().demo, member(id, cloud().other), {{"status", "accepted"}}),
              Answers(403));
  EXPECT_THAT(del(cloud().demo, member(id, cloud().admin)), Answers(404));
  EXPECT_EQ(get(cloud().demo, members(id)).json()["members"].size(), 2U);
}

TEST_F(Sharing, MemberRulesOfTheMember) {
  const auto id = make(cloud().demo, "shared");
  EXPECT_THAT(get(cloud().other, members(id)), Answers(404));
  ASSERT_THAT(offer(id, cloud().other), Answers(200));
  ASSERT_THAT(post(cloud().demo, members(id), {{"member", "someone"}}), Answers(200));
  const auto rows = get(cloud().other, members(id)).json()["members"];
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0]["member_id"], cloud().other.project_id);
  EXPECT_THAT(get(cloud().other, members(id) + "/someone"), Answers(404));
  EXPECT_THAT(answer(id, cloud().other, "perhaps"), Answers(400));
  EXPECT_THAT(post(cloud().other, members(id), {{"member", "third"}}), Answers(403));
  EXPECT_THAT(del(cloud().other, member(id, cloud().other)), Answers(403));
}

TEST_F(Sharing, OnlySharedImagesHaveMembers) {
  for (const auto* visibility : {"private", "community"}) {
    const auto id = make(cloud().demo, visibility);
    EXPECT_THAT(offer(id, cloud().other), Answers(403, "Not allowed to create members"));
    EXPECT_THAT(get(cloud().demo, members(id)), Answers(403, "Only shared images have members"));
  }
}

TEST_F(Sharing, MembersSurviveADetourThroughPrivate) {
  const auto id = make(cloud().demo, "shared");
  ASSERT_THAT(offer(id, cloud().other), Answers(200));
  ASSERT_THAT(answer(id, cloud().other, "accepted"), Answers(200));
  ASSERT_THAT(patch_one(cloud().demo, id, "replace", "/visibility", "private"), Answers(200));
  EXPECT_THAT(get(cloud().other, "/v2/images/" + id), Answers(404));
  ASSERT_THAT(patch_one(cloud().demo, id, "replace", "/visibility", "shared"), Answers(200));
  EXPECT_THAT(seen(cloud().other), UnorderedElementsAre(id));
}

TEST_F(Sharing, MembershipNeverTouchesTheRecord) {
  const auto id = make(cloud().demo, "shared");
  const auto before = record(cloud().demo, id);
  ASSERT_THAT(offer(id, cloud().other), Answers(200));
  ASSERT_THAT(answer(id, cloud().other, "accepted"), Answers(200));
  EXPECT_EQ(record(cloud().demo, id), before);
}

}  // namespace
}  // namespace glancefs::cloud
