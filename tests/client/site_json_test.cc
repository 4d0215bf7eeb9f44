#include "client/site_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace glancefs::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ParseSchema, TheFormatsInTheirOrder) {
  const auto site = parse_schema(R"({"name": "image", "properties": {
      "disk_format": {"type": ["null", "string"], "enum": [null, "raw", "qcow2"]},
      "container_format": {"enum": ["bare", null, 5, "ova"]}}})");
  ASSERT_TRUE(site);
  EXPECT_THAT(site->disk_formats, ElementsAre("raw", "qcow2"));
  EXPECT_THAT(site->container_formats, ElementsAre("bare", "ova"));
  EXPECT_FALSE(site->api_minor);
}

TEST(ParseSchema, WithoutAListThereIsNoLimit) {
  EXPECT_THAT(parse_schema(R"({"properties": {}})")->disk_formats, IsEmpty());
  EXPECT_THAT(parse_schema(R"({"properties": {"disk_format": {"enum": "raw"}}})")->disk_formats,
              IsEmpty());
  EXPECT_THAT(parse_schema(R"({"properties": {"disk_format": []}})")->disk_formats, IsEmpty());
}

TEST(ParseSchema, WordsThatAreNoFormatsAreLeftOut) {
  const std::string longest(64, 'x');
  const auto site =
      parse_schema(R"({"properties": {"disk_format": {"enum": ["", "a b", "\u001b[1m", "é", ")" +
                   longest + "y\", \"" + longest + "\"]}}}");
  ASSERT_TRUE(site);
  EXPECT_THAT(site->disk_formats, ElementsAre(longest));
}

TEST(ParseSchema, AHundredAreEnough) {
  std::string words = "\"f\"";
  for (int i = 0; i < 1000; ++i) words += ",\"f\"";
  EXPECT_EQ(parse_schema(R"({"properties": {"disk_format": {"enum": [)" + words + "]}}}")
                ->disk_formats.size(),
            100U);
}

TEST(ParseSchema, NeedsProperties) {
  for (const char* text : {"", "[]", "{}", R"({"properties": []})", "<html>"}) {
    EXPECT_FALSE(parse_schema(text)) << text;
  }
}

TEST(ParseVersions, TheCurrentOneWhereverItIs) {
  EXPECT_EQ(parse_versions(R"({"versions": [{"id": "v2.15", "status": "SUPPORTED"},
      {"id": "v2.17", "status": "CURRENT"}, {"id": "v2.9", "status": "SUPPORTED"}]})"),
            17U);
  EXPECT_EQ(parse_versions(R"({"versions": [{"id": "v2.0", "status": "CURRENT"}]})"), 0U);
}

TEST(ParseVersions, NothingElse) {
  for (const char* text :
       {"", "[]", "{}", R"({"versions": {}})", R"({"versions": []})", R"({"versions": [5]})",
        R"({"versions": [{"id": "v2.17", "status": "SUPPORTED"}]})",
        R"({"versions": [{"id": "v3.17", "status": "CURRENT"}]})",
        R"({"versions": [{"id": "v2.", "status": "CURRENT"}]})",
        R"({"versions": [{"id": "v2.17x", "status": "CURRENT"}]})",
        R"({"versions": [{"id": "v2.-1", "status": "CURRENT"}]})",
        R"({"versions": [{"id": "v2.99999999999", "status": "CURRENT"}]})",
        R"({"versions": [{"id": 2, "status": "CURRENT"}]})"}) {
    EXPECT_FALSE(parse_versions(text)) << text;
  }
}

}  // namespace
}  // namespace glancefs::client
