// PATCH and tags: form, what each operation does to each kind of target, names that get lost.
#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

class Patch : public CloudTest {
 protected:
  static Reply as_type(const std::string& id, const std::string& type, const std::string& body) {
    return cloud().glance.send("PATCH", "/v2/images/" + id,
                               as(cloud().demo, {{"Content-Type", type}}), body);
  }
  static Reply one(const std::string& id, const std::string& op, const std::string& path,
                   const Json& value = nullptr) {
    return patch_one(cloud().demo, id, op, path, value);
  }
  static Reply tag(const std::string& method, const std::string& id, const std::string& tag) {
    return cloud().glance.send(method, "/v2/images/" + id + "/tags/" + tag, as(cloud().demo));
  }
};

TEST_F(Patch, TakesOnlyItsOwnMediaType) {
  const auto id = create(cloud().demo);
  const std::string body = R"([{"op":"add","path":"/x","value":"1"}])";
  for (const auto* type : {"application/json", "application/json-patch+json", "text/plain"}) {
    const auto reply = as_type(id, type, body);
    EXPECT_THAT(reply, Answers(415)) << type;
    EXPECT_THAT(reply.header("Accept-Patch"), HasSubstr("openstack-images-v2.1-json-patch"));
  }
  const auto old =
      as_type(id, "application/openstack-images-v2.0-json-patch", R"([{"add":"/y","value":"2"}])");
  EXPECT_THAT(old, Answers(200, "\"y\": \"2\""));
}

TEST_F(Patch, BodyMustBeAnArrayOfKnownOperations) {
  const auto id = create(cloud().demo);
  EXPECT_THAT(patch(cloud().demo, id, Json::object()), Answers(400));
  EXPECT_THAT(patch(cloud().demo, id, {"x"}), Answers(400));
  for (const auto* op : {"test", "move", "copy", "set"}) {
    EXPECT_THAT(one(id, op, "/name", "x"), Answers(400)) << op;
  }
  EXPECT_THAT(patch(cloud().demo, id, Json::array()), Answers(200));
}

TEST_F(Patch, CustomProperties) {
  const auto id = create(cloud().demo, {{"old", "1"}});
  EXPECT_EQ(one(id, "add", "/new", "1").json()["new"], "1");
  EXPECT_EQ(one(id, "add", "/old", "2").json()["old"], "2");
  EXPECT_EQ(one(id, "replace", "/old", "3").json()["old"], "3");
  const auto removed = one(id, "remove", "/old");
  EXPECT_THAT(removed, Answers(200));
  EXPECT_FALSE(removed.json().contains("old"));
  EXPECT_THAT(one(id, "replace", "/old", "4"), Answers(409, "Property old does not exist."));
  EXPECT_THAT(one(id, "remove", "/old"), Answers(409));
  for (const auto& bad : {Json(1), Json(true), Json(nullptr), Json::array({"x"})}) {
    EXPECT_THAT(one(id, "add", "/typed", bad), Answers(400)) << bad;
  }
}

TEST_F(Patch, BaseFieldsCannotBeRemoved) {
  const auto id = create(cloud().demo);
  for (const auto* path : {"/name", "/visibility", "/tags", "/min_disk", "/protected"}) {
    EXPECT_THAT(one(id, "remove", path), Answers(403)) << path;
  }
}

TEST_F(Patch, BaseFieldsCanBeReplaced) {
  const auto id = create_active(cloud().demo, "data");
  EXPECT_EQ(one(id, "replace", "/name", "n").json()["name"], "n");
  EXPECT_TRUE(one(id, "replace", "/name", nullptr).json()["name"].is_null());
  EXPECT_EQ(one(id, "add", "/min_disk", 7).json()["min_disk"], 7);
  EXPECT_EQ(one(id, "replace", "/os_hidden", true).json()["os_hidden"], true);
  EXPECT_EQ(one(id, "replace", "/protected", true).json()["protected"], true);
  EXPECT_EQ(one(id, "replace", "/protected", false).json()["protected"], false);
  EXPECT_EQ(one(id, "replace", "/visibility", "community").json()["visibility"], "community");
  EXPECT_THAT(one(id, "replace", "/name", std::string(256, 'n')), Answers(400));
}

TEST_F(Patch, ServersFieldsAreReadOnly) {
  const auto id = create(cloud().demo);
  for (const auto* path : {"/id", "/status", "/size", "/checksum", "/os_hash_value", "/created_at",
                           "/updated_at", "/self", "/file", "/schema", "/virtual_size"}) {
    EXPECT_THAT(one(id, "replace", path, "x"), Answers(403)) << path;
  }
  EXPECT_THAT(one(id, "add", "/os_glance_x", "1"), Answers(403));
  EXPECT_THAT(one(id, "add", "/owner", cloud().other.project_id), Answers(403));
  EXPECT_THAT(one(id, "add", "/owner", cloud().demo.project_id), Answers(200));
  EXPECT_THAT(one(id, "replace", "/owner", cloud().demo.project_id), Answers(403));
}

TEST_F(Patch, FormatsFreezeWithTheFirstByte) {
  const auto id = create(cloud().demo);
  EXPECT_EQ(one(id, "replace", "/disk_format", "iso").json()["disk_format"], "iso");
  EXPECT_THAT(one(id, "replace", "/disk_format", "floppy"), Answers(400));
  ASSERT_THAT(upload(cloud().demo, id, "data"), Answers(204));
  EXPECT_THAT(one(id, "replace", "/disk_format", "iso"), Answers(403));
  EXPECT_THAT(patch_one(cloud().admin, id, "replace", "/container_format", "bare"), Answers(403));
}

TEST_F(Patch, TagsAreReplacedAsAWhole) {
  const auto id = create(cloud().demo, {{"tags", {"a"}}});
  EXPECT_THAT(one(id, "add", "/tags", {"b", "\u00e9/x"}).json()["tags"],
              UnorderedElementsAre("b", "\u00e9/x"));
  EXPECT_THAT(one(id, "replace", "/tags", Json::array()).json()["tags"], testing::IsEmpty());
  EXPECT_THAT(one(id, "add", "/tags/-", "c"), Answers(400));
}

TEST_F(Patch, AllOrNothing) {
  const auto id = create(cloud().demo);
  EXPECT_THAT(patch(cloud().demo, id,
                    {{{"op", "add"}, {"path", "/good"}, {"value", "1"}},
                     {{"op", "replace"}, {"path", "/missing"}, {"value", "1"}}}),
              Answers(409));
  EXPECT_FALSE(record(cloud().demo, id).contains("good"));
}

TEST_F(Patch, PointersAreEscapedAndOneLevelDeep) {
  const auto id = create(cloud().demo);
  EXPECT_EQ(one(id, "add", "/a~1b~0c", "1").json()["a/b~c"], "1");
  EXPECT_EQ(one(id, "add", "/", "1").json()[""], "1");
  EXPECT_EQ(one(id, "add", "/~1lead", "1").json()["/lead"], "1");
  EXPECT_THAT(one(id, "add", "/a~2", "1"), Answers(400));
  EXPECT_THAT(one(id, "add", "/a/b", "1"), Answers(400));
  EXPECT_THAT(one(id, "add", "noslash", "1"), Answers(400));
}

TEST_F(Patch, BlanksAndSlashesAroundNamesAreStripped) {
  const auto id = create(cloud().demo);
  EXPECT_EQ(one(id, "add", "/ blank ", "1").json()["blank"], "1");
  EXPECT_EQ(one(id, "add", "//double", "1").json()["double"], "1");
}

// These collide with attributes of the server's own object: 200, and nothing is stored.
TEST_F(Patch, NamesThatAreAcceptedAndLost) {
  const auto id = create(cloud().demo);
  for (const auto* name : {"context", "delete", "get_data", "set_data", "member", "repo",
                           "reactivate", "deactivate"}) {
    const auto reply = one(id, "add", std::string("/") + name, "value");
    EXPECT_THAT(reply, Answers(200)) << name;
    EXPECT_FALSE(reply.json().contains(name)) << name;
    EXPECT_FALSE(record(cloud().demo, id).contains(name)) << name;
  }
}

TEST_F(Patch, NamesThatBreakTheServer) {
  const auto id = create(cloud().demo);
  for (const auto* name : {"/extra_properties", "/base", "/__class__"}) {
    EXPECT_THAT(one(id, "add", name, "x"), Answers(500)) << name;
  }
  EXPECT_THAT(one(id, "add", "/image_id", new_uuid()), Answers(404));
}

TEST_F(Patch, StoresShadowsTheRealField) {
  const auto id = create(cloud().demo);
  const auto reply = one(id, "add", "/stores", "nowhere");
  ASSERT_THAT(reply, Answers(200));
  EXPECT_EQ(reply.json()["stores"], "nowhere");
}

TEST_F(Patch, PropertiesAreCounted) {
  Json fields = Json::object();
  for (int i = 0; i < 128; ++i) fields["p" + std::to_string(i)] = "v";
  const auto id = create(cloud().demo, fields);
  EXPECT_THAT(one(id, "add", "/p128", "v"), Answers(413, "Maximum: 128"));
  EXPECT_THAT(one(id, "replace", "/p0", "w"), Answers(200));
  EXPECT_THAT(patch(cloud().demo, id,
                    {{{"op", "remove"}, {"path", "/p0"}},
                     {{"op", "add"}, {"path", "/p128"}, {"value", "v"}}}),
              Answers(200));
}

TEST_F(Patch, UpdateTimeMovesWithEveryOperationButNotWithNone) {
  const auto id = create(cloud().demo, {{"key", "same"}});
  const auto before = record(cloud().demo, id)["updated_at"];
  ASSERT_THAT(patch(cloud().demo, id, Json::array()), Answers(200));
  EXPECT_EQ(record(cloud().demo, id)["updated_at"], before);
  EXPECT_TRUE(eventually(
      [&] { return one(id, "replace", "/key", "same").json()["updated_at"] != before; }));
}

TEST_F(Patch, TagsByUrl) {
  const auto id = create(cloud().demo);
  EXPECT_THAT(tag("PUT", id, "plain"), Answers(204));
  EXPECT_THAT(tag("PUT", id, "plain"), Answers(204));
  EXPECT_EQ(record(cloud().demo, id)["tags"], Json({"plain"}));
  EXPECT_THAT(tag("DELETE", id, "plain"), Answers(204));
  EXPECT_THAT(tag("DELETE", id, "plain"), Answers(404));
  EXPECT_THAT(tag("PUT", id, std::string(256, 't')), Answers(400));
  EXPECT_THAT(tag("PUT", id, "a%2Fb"), Answers(404));
}

TEST_F(Patch, TagsByUrlMangleWhatIsNotAscii) {
  const auto id = create(cloud().demo);
  ASSERT_THAT(tag("PUT", id, "%C3%A9"), Answers(204));
  EXPECT_EQ(record(cloud().demo, id)["tags"], Json({"\u00c3\u00a9"}));
}

}  // namespace
}  // namespace glancefs::cloud
