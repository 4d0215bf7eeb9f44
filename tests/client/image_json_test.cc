#include "client/image_json.h"

#include <cerrno>
#include <system_error>

namespace glancefs::client {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr const char* kId = "11111111-2222-4333-8444-555555555555";

// A record of an ordinary image, its last fields replaced by `more`.
std::string record(const std::string& more = "") {
  return std::string(R"({"id": ")") + kId +
         R"(", "name": "cirros", "status": "active", "visibility": "public",
           "owner": "p1", "disk_format": "qcow2", "container_format": "bare", "size": 10,
           "virtual_size": null, "checksum": "abc", "os_hash_algo": "sha512",
           "os_hash_value": "def", "min_disk": 1, "min_ram": 2, "protected": true,
           "os_hidden": false, "tags": ["z", "a"], "created_at": "2026-11-21T21:12:19Z",
           "updated_at": "2026-11-21T21:12:20.5Z", "self": "/v2/images/x", "file": "/v2/x/file",
           "schema": "/v2/schemas/image", "os_distro": "debian")" +
         more + "}";
}

TEST(ParseImage, EveryField) {
  const auto image = parse_image(record(R"(, "arch": "x86", "stores": "fast,slow", "gone": null)"));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->id, kId);
  EXPECT_EQ(image->name, "cirros");
  EXPECT_EQ(image->status, Status::kActive);
  EXPECT_EQ(image->visibility, Visibility::kPublic);
  EXPECT_EQ(image->size, 10U);
  EXPECT_FALSE(image->virtual_size);
  EXPECT_EQ(image->hash, "def");
  EXPECT_EQ(image->min_disk, 1U);
  EXPECT_EQ(image->min_ram, 2U);
  EXPECT_TRUE(image->is_protected);
  EXPECT_THAT(image->tags, ElementsAre("a", "z"));
  EXPECT_EQ(format_time(image->created), "2026-11-21T21:12:19Z");
  EXPECT_EQ(format_time(image->updated), "2026-11-21T21:12:20Z");
  EXPECT_THAT(image->properties, ElementsAre(Pair("arch", "x86"), Pair("os_distro", "debian"),
                                             Pair("stores", "fast,slow")));
}

TEST(ParseImage, NamesMayBeAnything) {
  EXPECT_EQ(parse_image(record(R"(, "name": null)"))->name, std::nullopt);
  EXPECT_EQ(parse_image(record(R"(, "name": "")"))->name, "");
  EXPECT_EQ(parse_image(record(R"(, "name": "a\u0000b/..")"))->name, std::string("a\0b/..", 6));
}

TEST(ParseImage, ValuesThatAreNotTextStayJson) {
  const auto image = parse_image(record(R"(, "locations": [{"url": "rbd://x", "metadata": {}}])"));
  ASSERT_TRUE(image);
  EXPECT_EQ(*find_property(image->properties, "locations"), R"([{"metadata":{},"url":"rbd://x"}])");
}

TEST(ParseImage, SizesThatAreNoSizes) {
  for (const char* size : {"-1", "3.7", "true", "\"5\"", "9223372036854775808",
                           "18446744073709551616", "1e400", "[]", "{}"}) {
    EXPECT_FALSE(parse_image(record(std::string(R"(, "size": )") + size))) << size;
  }
  EXPECT_EQ(parse_image(record(R"(, "size": 9223372036854775807)"))->size, 9223372036854775807U);
  EXPECT_EQ(parse_image(record(R"(, "size": 0)"))->size, 0U);
}

TEST(ParseImage, OtherNonsense) {
  for (const char* field :
       {R"("id": "../../etc/passwd")", R"("id": "11111111-2222-4333-8444-55555555555A")",
        R"("id": null)", R"("id": 5)", R"("name": 5)", R"("visibility": "secret")",
        R"("visibility": null)", R"("tags": "a")", R"("tags": [1])", R"("protected": "true")",
        R"("created_at": "yesterday")", R"("checksum": [])", R"("min_ram": -1)"}) {
    EXPECT_FALSE(parse_image(record(std::string(", ") + field))) << field;
  }
  EXPECT_FALSE(parse_image("[]"));
  EXPECT_FALSE(parse_image("<html>"));
  EXPECT_FALSE(parse_image(""));
}

TEST(ParseImage, UnknownStatusIsKept) {
  const auto image = parse_image(record(R"(, "status": "pending_delete")"));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->status, Status::kOther);
  EXPECT_EQ(image->status_word, "pending_delete");
}

TEST(ParseImage, DepthIsBounded) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_FALSE(parse_image(record(", \"deep\": " + deep)));
  EXPECT_FALSE(parse_page(deep));
}

TEST(ParsePage, LeavesNonsenseOutButGoesOnBehindIt) {
  const std::string other = R"({"id": "22222222-2222-4333-8444-555555555555", "size": -1})";
  const auto page = parse_page("{\"images\": [" + record() + ", 5, " + other +
                               "], \"next\": \"/v2/images?marker=x\"}");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->images.size(), 1U);
  EXPECT_THAT(page->ids, ElementsAre(kId, "22222222-2222-4333-8444-555555555555"));
  EXPECT_TRUE(page->has_next);
  EXPECT_FALSE(parse_page(R"({"images": {}})"));
  EXPECT_FALSE(parse_page(R"({})"));
  EXPECT_FALSE(parse_page(R"({"images": []})")->has_next);
}

TEST(ParseUsage, Units) {
  const auto quota = parse_usage(R"({"usage": {
      "image_size_total": {"usage": 6, "limit": 5}, "image_count_total": {"usage": 3, "limit": -1}}})");
  ASSERT_TRUE(quota);
  EXPECT_EQ(quota->size_limit, 5U << 20);
  EXPECT_EQ(quota->size_used, 6U << 20);
  EXPECT_EQ(quota->count_limit, std::nullopt);
  EXPECT_EQ(quota->count_used, 3U);
  EXPECT_EQ(parse_usage(R"({"usage": {}})")->size_limit, std::nullopt);
  EXPECT_EQ(
      parse_usage(R"({"usage": {"image_size_total": {"limit": 9223372036854775807}}})")->size_limit,
      std::nullopt);
  EXPECT_FALSE(parse_usage("[]"));
}

TEST(PatchJson, PointersAndTypes) {
  const std::string body = patch_json({{"a~b/c", Value(std::string("v"))},
                                       {"gone", std::nullopt},
                                       {"min_ram", Value(std::int64_t{5})},
                                       {"protected", Value(false)},
                                       {"tags", Value(std::vector<std::string>{"x"})}});
  EXPECT_EQ(
      body,
      R"([{"op":"add","path":"/a~0b~1c","value":"v"},{"op":"remove","path":"/gone"},)"
      R"({"op":"add","path":"/min_ram","value":5},{"op":"add","path":"/protected","value":false},)"
      R"({"op":"add","path":"/tags","value":["x"]}])");
  EXPECT_EQ(patch_json({}), "[]");
}

TEST(PatchJson, NeedsUtf8) {
  try {
    patch_json({{"a", Value(std::string("\xff"))}});
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EILSEQ);
  }
}

TEST(DraftJson, OnlyWhatIsKnown) {
  Draft draft;
  draft.id = kId;
  draft.name = "n";
  draft.disk_format = "raw";
  draft.fields = {{"min_disk", Value(std::int64_t{3})}};
  EXPECT_EQ(draft_json(draft), std::string(R"({"disk_format":"raw","id":")") + kId +
                                   R"(","min_disk":3,"name":"n","visibility":"private"})");
}

TEST(ParseTime, ExactlyThatForm) {
  EXPECT_EQ(parse_time("1970-01-02T00:00:01Z")->time_since_epoch().count(), 86401);
  EXPECT_EQ(parse_time("2026-11-21T21:12:19.000000Z"), parse_time("2026-11-21T21:12:19Z"));
  for (const char* text :
       {"", "Z", "2026-11-21T21:12:19", "2026-02-30T00:00:00Z", "2026-11-21 21:12:19Z",
        "2026-11-21T25:00:00Z", "2026-11-21T21:12:19+01:00", "2026-11-21T21:12:19.Z",
        "2026-11-21T21:12:1xZ", "2026-11-21T21:12:19.5x6Z", "-026-11-21T21:12:19Z"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

}  // namespace
}  // namespace glancefs::client
