// POST /v2/images: what may be said, what is refused, ids.
#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

using testing::HasSubstr;

class Create : public CloudTest {
 protected:
  static Reply raw_post(const std::string& body) {
    return cloud().glance.send("POST", "/v2/images",
                               as(cloud().demo, {{"Content-Type", "application/json"}}), body);
  }
  /// The status of a create that should fail.
  int status(const Json& fields) { return try_create(cloud().demo, fields).status; }
};

TEST_F(Create, EmptyObjectIsEnough) {
  const auto reply = try_create(cloud().demo, Json::object());
  ASSERT_THAT(reply, Answers(201));
  const auto image = reply.json();
  for (const auto* key : {"name", "disk_format", "container_format", "size", "checksum",
                          "os_hash_algo", "os_hash_value", "virtual_size"}) {
    EXPECT_TRUE(image.contains(key) && image[key].is_null()) << key;
  }
  EXPECT_EQ(image["status"], "queued");
  EXPECT_EQ(image["visibility"], "shared");
  EXPECT_EQ(image["owner"], cloud().demo.project_id);
  EXPECT_EQ(image["protected"], false);
  EXPECT_EQ(image["os_hidden"], false);
  EXPECT_EQ(image["min_disk"], 0);
  EXPECT_EQ(image["tags"], Json::array());
}

TEST_F(Create, RecordLinksHaveNoHost) {
  const auto reply = try_create(cloud().demo, Json::object());
  const auto path = "/v2/images/" + reply.json().value("id", "");
  EXPECT_EQ(reply.json()["self"], path);
  EXPECT_EQ(reply.json()["file"], path + "/file");
  EXPECT_EQ(reply.json()["schema"], "/v2/schemas/image");
  EXPECT_THAT(reply.json()["created_at"].get<std::string>(),
              testing::MatchesRegex("[0-9-]{10}T[0-9:]{8}Z"));
  EXPECT_THAT(reply.header("Location"), testing::EndsWith(path));
  EXPECT_THAT(reply.header("OpenStack-image-import-methods"), HasSubstr("web-download"));
  EXPECT_THAT(reply.header("OpenStack-image-store-ids"), HasSubstr("fast,slow"));
}

TEST_F(Create, AnsweredRecordIsTheStoredOne) {
  Json fields{{"name", "full"}, {"disk_format", "qcow2"}, {"container_format", "bare"}};
  fields["visibility"] = "private";
  fields["min_disk"] = 3;
  fields["min_ram"] = 512;
  fields["protected"] = true;
  fields["tags"] = {"a", "b/c", ""};
  fields["os_distro"] = "debian";
  fields["any key at all/~"] = "value";
  const auto reply = try_create(cloud().demo, fields);
  ASSERT_THAT(reply, Answers(201));
  const auto image = record(cloud().demo, reply.json()["id"]);
  fields.erase("tags");
  for (const auto& [key, value] : fields.items()) EXPECT_EQ(image[key], value) << key;
  EXPECT_THAT(image["tags"], testing::UnorderedElementsAre("a", "b/c", ""));
}

TEST_F(Create, ClientMayChooseTheId) {
  const auto id = new_uuid();
  const auto reply = try_create(cloud().demo, {{"id", id}});
  ASSERT_THAT(reply, Answers(201));
  EXPECT_EQ(reply.json()["id"], id);
  EXPECT_EQ(status({{"id", id}}), 409);
  EXPECT_EQ(status({{"id", "no uuid"}}), 400);
}

TEST_F(Create, IdsAreNeverReusable) {
  const auto foreign = create(cloud().other, {{"visibility", "private"}});
  EXPECT_EQ(status({{"id", foreign}}), 409);
  const auto gone = create(cloud().demo);
  ASSERT_THAT(del(cloud().demo, "/v2/images/" + gone), Answers(204));
  EXPECT_EQ(status({{"id", gone}}), 409);
}

TEST_F(Create, NamesMayBeAlmostAnything) {
  const std::string with_nul("a\0b\n", 4);
  std::string longest;
  for (int i = 0; i < 255; ++i) longest += "\u20ac";  // 765 bytes of UTF-8
  for (const auto& name :
       {std::string("."), std::string(".."), std::string("a/b"), std::string(), std::string(" x "),
        with_nul, longest, std::string("\u00e9"), std::string("e\u0301")}) {
    const auto reply = try_create(cloud().demo, {{"name", name}});
    ASSERT_THAT(reply, Answers(201)) << testing::PrintToString(name);
    EXPECT_EQ(record(cloud().demo, reply.json()["id"])["name"], name);
  }
  EXPECT_THAT(try_create(cloud().demo, {{"name", nullptr}}), Answers(201));
}

TEST_F(Create, NamesMayBeDuplicated) {
  EXPECT_NE(create(cloud().demo, {{"name", "twin"}}), create(cloud().demo, {{"name", "twin"}}));
}

TEST_F(Create, TooLongIsRefused) {
  EXPECT_EQ(status({{"name", std::string(256, 'n')}}), 400);
  EXPECT_EQ(status({{"tags", {std::string(256, 't')}}}), 400);
  EXPECT_EQ(status({{std::string(256, 'p'), "v"}}), 400);
}

TEST_F(Create, CharactersBeyondTheBmpAreRefused) {
  const auto* emoji = "\U0001F600";
  EXPECT_THAT(try_create(cloud().demo, {{"name", emoji}}), Answers(400, "4 byte unicode"));
  EXPECT_THAT(try_create(cloud().demo, {{"key", emoji}}), Answers(400, "4 byte unicode"));
  EXPECT_THAT(try_create(cloud().demo, {{emoji, "v"}}), Answers(400));
  EXPECT_THAT(try_create(cloud().demo, {{"tags", {emoji}}}), Answers(400));
}

TEST_F(Create, BodiesThatAreNoObjects) {
  EXPECT_THAT(raw_post(""), Answers(400));
  EXPECT_THAT(raw_post("{"), Answers(400));
  EXPECT_THAT(raw_post("\"x\""), Answers(400));
  EXPECT_THAT(raw_post("[]"), Answers(500));
  EXPECT_THAT(raw_post(R"({"name":"\ud800"})"), Answers(500));
  EXPECT_THAT(raw_post("{\"name\":\"\xff\"}"), Answers(400));
}

TEST_F(Create, ValuesOfTheWrongTypeAreRefused) {
  for (const auto& fields : std::vector<Json>{{{"protected", "true"}},
                                              {{"protected", 1}},
                                              {{"os_hidden", nullptr}},
                                              {{"min_disk", -1}},
                                              {{"min_disk", "1"}},
                                              {{"min_ram", 2147483648}},
                                              {{"min_ram", 1.5}},
                                              {{"key", 1}},
                                              {{"key", true}},
                                              {{"key", {"list"}}},
                                              {{"tags", "a"}},
                                              {{"visibility", "secret"}},
                                              {{"disk_format", "floppy"}}}) {
    EXPECT_EQ(status(fields), 400) << fields;
  }
}

TEST_F(Create, FieldsOfTheServerAreForbidden) {
  for (const auto& fields : std::vector<Json>{{{"status", "active"}},
                                              {{"size", 1}},
                                              {{"checksum", "x"}},
                                              {{"stores", "fast"}},
                                              {{"self", "/x"}},
                                              {{"file", "/x"}},
                                              {{"schema", "/x"}},
                                              {{"direct_url", "x"}},
                                              {{"created_at", "x"}},
                                              {{"os_glance_x", "y"}},
                                              {{"location", "x"}},
                                              {{"visibility", "public"}},
                                              {{"owner", cloud().other.project_id}}}) {
    EXPECT_EQ(status(fields), 403) << fields;
  }
  EXPECT_EQ(status({{"OS_GLANCE_x", "an ordinary property"}}), 201);
}

TEST_F(Create, HashesAreTakenAndForgotten) {
  const auto reply =
      try_create(cloud().demo, {{"os_hash_algo", "sha512"}, {"os_hash_value", "abc"}});
  ASSERT_THAT(reply, Answers(201));
  EXPECT_TRUE(reply.json()["os_hash_value"].is_null());
}

TEST_F(Create, PropertiesAndTagsAreCounted) {
  Json properties = Json::object();
  Json tags = Json::array();
  for (int i = 0; i < 129; ++i) {
    properties["p" + std::to_string(i)] = "v";
    tags.push_back("t" + std::to_string(i));
  }
  EXPECT_THAT(try_create(cloud().demo, properties), Answers(413, "Maximum: 128"));
  EXPECT_EQ(status({{"tags", tags}}), 413);
}

}  // namespace
}  // namespace glancefs::cloud
