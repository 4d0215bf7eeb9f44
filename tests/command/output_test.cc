#include "fs/command/output.h"

#include <gtest/gtest.h>

#include "fs/command/usage_error.h"

namespace glancefs::fs {
namespace {

const Listing kFiles{.columns = {"name", "size", "pinned", "rate", "error"},
                     .rows = {{"a \"b\"", std::int64_t{5}, true, 2.25, std::monostate{}},
                              {"zwölf\n", std::int64_t{1'000'000}, false, 0.0, "why"}}};

TEST(Output, ATableLinesItsColumnsUp) {
  EXPECT_EQ(list_text(kFiles, {}),
            "name       size     pinned  rate  error\n"
            "a \"b\"      5        true    2.2\n"
            "zwölf\\x0a  1000000  false   0.0   why\n");
}

TEST(Output, JsonKeepsTypesAndOrder) {
  EXPECT_EQ(
      list_text(kFiles, {.format = Format::kJson, .columns = {"size", "name", "error"}}),
      "[\n  {\n    \"size\": 5,\n    \"name\": \"a \\\"b\\\"\",\n    \"error\": null\n  },\n"
      "  {\n    \"size\": 1000000,\n    \"name\": \"zwölf\\n\",\n    \"error\": \"why\"\n  }\n]\n");
}

TEST(Output, JsonOfNothingIsAnEmptyArray) {
  EXPECT_EQ(list_text({.columns = {"name"}, .rows = {}}, {.format = Format::kJson, .columns = {}}),
            "[]\n");
}

TEST(Output, JsonSurvivesNamesThatAreNotUtf8) {
  const Listing odd{.columns = {"name"}, .rows = {{"\xff"}}};
  EXPECT_EQ(list_text(odd, {.format = Format::kJson, .columns = {}}),
            "[\n  {\n    \"name\": \"\xef\xbf\xbd\"\n  }\n]\n");
}

TEST(Output, CsvQuotesTextsOnly) {
  EXPECT_EQ(list_text(kFiles, {.format = Format::kCsv, .columns = {"name", "size"}}),
            "\"name\",\"size\"\n\"a \"\"b\"\"\",5\n\"zwölf\n\",1000000\n");
}

TEST(Output, ValuesAreBare) {
  EXPECT_EQ(list_text(kFiles, {.format = Format::kValue, .columns = {"size", "pinned"}}),
            "5 true\n1000000 false\n");
}

TEST(Output, OneThingIsShownFieldByField) {
  const Fields fields{{"name", "a"}, {"size", std::int64_t{5}}};
  EXPECT_EQ(show_text(fields, {}), "field  value\nname   a\nsize   5\n");
  EXPECT_EQ(show_text(fields, {.format = Format::kValue, .columns = {"size"}}), "5\n");
  EXPECT_EQ(show_text(fields, {.format = Format::kJson, .columns = {}}),
            "{\n  \"name\": \"a\",\n  \"size\": 5\n}\n");
}

TEST(Output, KnowsItsColumnsAndFormats) {
  EXPECT_THROW(list_text(kFiles, {.format = Format::kTable, .columns = {"nmae"}}), UsageError);
  EXPECT_THROW(format_called("xml"), UsageError);
  EXPECT_EQ(format_called("json"), Format::kJson);
}

}  // namespace
}  // namespace glancefs::fs
