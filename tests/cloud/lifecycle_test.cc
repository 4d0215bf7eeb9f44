// The end of images, and their sleep: delete, protection, deactivation, copies in stores.
#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

class Lifecycle : public CloudTest {
 protected:
  static Reply act(const User& user, const std::string& id, const std::string& action) {
    return cloud().glance.send("POST", "/v2/images/" + id + "/actions/" + action, as(user));
  }
};

TEST_F(Lifecycle, DeleteHappensOnce) {
  const auto id = create_active(cloud().demo, "data");
  EXPECT_THAT(del(cloud().demo, "/v2/images/" + id), Answers(204, ""));
  EXPECT_THAT(del(cloud().demo, "/v2/images/" + id), Answers(404));
  EXPECT_THAT(get(cloud().admin, "/v2/images/" + id), Answers(404));
  EXPECT_THAT(download(cloud().demo, id), Answers(404));
}

TEST_F(Lifecycle, DeleteTakesNoBody) {
  const auto id = create(cloud().demo);
  EXPECT_THAT(cloud().glance.send("DELETE", "/v2/images/" + id,
                                  as(cloud().demo, {{"Content-Type", "application/json"}}), "{}"),
              Answers(400));
  EXPECT_EQ(status_of(id), "queued");
}

TEST_F(Lifecycle, ProtectionStopsEverybody) {
  const auto id = create(cloud().demo, {{"protected", true}});
  EXPECT_THAT(del(cloud().demo, "/v2/images/" + id),
              Answers(403, "is protected and cannot be deleted"));
  EXPECT_THAT(del(cloud().admin, "/v2/images/" + id), Answers(403));
  ASSERT_THAT(patch_one(cloud().demo, id, "replace", "/protected", false), Answers(200));
  EXPECT_THAT(del(cloud().demo, "/v2/images/" + id), Answers(204));
}

TEST_F(Lifecycle, DeactivationIsIdempotentAndReversible) {
  const auto id = create_active(cloud().demo, "data");
  EXPECT_THAT(act(cloud().demo, id, "deactivate"), Answers(204, ""));
  EXPECT_THAT(act(cloud().demo, id, "deactivate"), Answers(204));
  EXPECT_EQ(status_of(id), "deactivated");
  EXPECT_THAT(patch_one(cloud().demo, id, "add", "/x", "1"), Answers(200));
  EXPECT_THAT(upload(cloud().demo, id, "new"), Answers(409));
  EXPECT_THAT(act(cloud().demo, id, "reactivate"), Answers(204));
  EXPECT_THAT(act(cloud().demo, id, "reactivate"), Answers(204));
  EXPECT_THAT(download(cloud().demo, id), Answers(200, "data"));
}

TEST_F(Lifecycle, OnlyWhatIsActiveCanBeDeactivated) {
  const auto id = create(cloud().demo);
  EXPECT_THAT(act(cloud().demo, id, "deactivate"),
              Answers(403, "Not allowed to deactivate image in status 'queued'"));
  const auto foreign = create_active(cloud().other, "data", {{"visibility", "community"}});
  EXPECT_THAT(act(cloud().demo, foreign, "deactivate"), Answers(403));
}

TEST_F(Lifecycle, LastCopyCannotBeDeleted) {
  const auto id = create_active(cloud().demo, "data");
  EXPECT_THAT(del(cloud().demo, "/v2/stores/fast/" + id), Answers(403, "Cannot delete image data"));
  EXPECT_THAT(download(cloud().demo, id), Answers(200, "data"));
}

TEST_F(Lifecycle, UnknownIdsAreNotFound) {
  for (const auto& id : {new_uuid(), std::string("not-a-uuid"), std::string(300, 'x')}) {
    EXPECT_THAT(get(cloud().demo, "/v2/images/" + id), Answers(404)) << id;
    EXPECT_THAT(del(cloud().demo, "/v2/images/" + id), Answers(404)) << id;
    EXPECT_THAT(patch_one(cloud().demo, id, "add", "/x", "1"), Answers(404)) << id;
  }
}

TEST_F(Lifecycle, IdsAreCaseSensitive) {
  const auto id = create(cloud().demo, {{"id", "abcdef00" + new_uuid().substr(8)}});
  EXPECT_THAT(get(cloud().demo, "/v2/images/ABCDEF00" + id.substr(8)), Answers(404));
}

}  // namespace
}  // namespace glancefs::cloud
