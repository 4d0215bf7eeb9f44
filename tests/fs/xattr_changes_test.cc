#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "fs/attributes/xattrs.h"
#include "tests/fs/sample_image.h"

namespace glancefs::fs {
namespace {

using namespace std::string_literals;
using client::Change;
using client::Image;
using client::Value;
using testing::ElementsAre;
using testing::Optional;

int set_error(const Image& image, const std::string& key, const std::string& text) {
  return error_of([&] { set_change(image, key, text); });
}

int remove_error(const Image& image, const std::string& key) {
  return error_of([&] { remove_change(image, key); });
}

std::optional<Value> set_value(const Image& image, std::string_view key, std::string_view text) {
  const std::optional<Change> change = set_change(image, key, text);
  if (!change) return std::nullopt;
  EXPECT_EQ(change->key, key);
  return change->value;
}

TEST(SetChange, SetsCustomProperties) {
  EXPECT_EQ(set_value(full_image(), "os_version", "6"), Value("6"s));
  EXPECT_EQ(set_value(full_image(), "architecture", ""), Value(""s));
  EXPECT_EQ(set_value(full_image(), "a/~b", "line\nbreak"), Value("line\nbreak"s));
  EXPECT_EQ(set_change(full_image(), "architecture", "x86_64"), std::nullopt);
}

TEST(SetChange, SetsBaseFieldsInTheirTypes) {
  const Image image = full_image();
  EXPECT_EQ(set_value(image, "name", "other"), Value("other"s));
  EXPECT_EQ(set_value(image, "name", ""), Value(""s));
  EXPECT_EQ(set_value(image, "visibility", "private"), Value("private"s));
  EXPECT_EQ(set_value(image, "min_disk", "2147483647"), Value(std::int64_t{2147483647}));
  EXPECT_EQ(set_value(image, "min_ram", "0"), Value(std::int64_t{0}));
  EXPECT_EQ(set_value(image, "protected", "false"), Value(false));
  EXPECT_EQ(set_value(draft(), "os_hidden", "true"), Value(true));
  EXPECT_EQ(set_value(image, "tags", "z,c,y\\,\\\\,c"),
            Value(std::vector<std::string>{"c", "y,\\", "z"}));
}

TEST(SetChange, TakesBooleansInManySpellings) {
  for (const char* yes : {"true", "True", "TRUE", "1", "yes", "Yes"}) {
    EXPECT_EQ(set_value(draft(), "protected", yes), Value(true)) << yes;
    EXPECT_EQ(set_change(full_image(), "protected", yes), std::nullopt) << yes;
  }
  for (const char* no : {"false", "False", "0", "no", "NO"}) {
    EXPECT_EQ(set_value(full_image(), "protected", no), Value(false)) << no;
    EXPECT_EQ(set_change(draft(), "protected", no), std::nullopt) << no;
  }
  for (const char* neither : {"", "2", "on", "true ", "truE\n", "yes,no"}) {
    EXPECT_EQ(set_error(draft(), "protected", neither), EINVAL) << neither;
  }
}

TEST(SetChange, RefusesWhatIsNoValueOfTheField) {
  for (const char* text :
       {"", " 1", "1 ", "-1", "+1", "1.0", "0x10", "2147483648", "99999999999999999999", "1GiB"}) {
    EXPECT_EQ(set_error(draft(), "min_disk", text), EINVAL) << text;
  }
  EXPECT_EQ(set_error(draft(), "visibility", "Public"), EINVAL);
  EXPECT_EQ(set_error(draft(), "visibility", ""), EINVAL);
  EXPECT_EQ(set_error(draft(), "disk_format", ""), EINVAL);
  EXPECT_EQ(set_error(draft(), "name", std::string(256, 'x')), EINVAL);
  EXPECT_EQ(set_error(draft(), "tags", "a," + std::string(256, 'x')), EINVAL);
}

TEST(SetChange, KeepsTagsThroughText) {
  const std::vector<std::vector<std::string>> sets{
      {}, {""}, {"", "a"}, {","}, {"\\"}, {"\\,"}, {"a", "b"}, {" a ", "a"}, {"", ",", "\\"}};
  for (const auto& tags : sets) {
    Image image = draft();
    image.tags = tags;
    Image copy = draft();
    if (const auto change = set_change(copy, "tags", field_text(image, "tags").value_or(""))) {
      apply_change(copy, *change);
    }
    EXPECT_EQ(copy.tags, tags);
  }
  EXPECT_EQ(set_change(full_image(), "tags", "c,a\\,b"), std::nullopt);  // in any order
}

TEST(SetChange, FreezesFormatsOnceThereIsData) {
  EXPECT_EQ(set_value(draft(), "disk_format", "raw"), Value("raw"s));
  EXPECT_EQ(set_change(full_image(), "disk_format", "qcow2"), std::nullopt);
  EXPECT_EQ(set_error(full_image(), "disk_format", "raw"), EPERM);
  EXPECT_EQ(set_error(full_image(), "container_format", ""), EPERM);
}

TEST(SetChange, RefusesReadOnlyFieldsUnlessNothingChanges) {
  const Image image = full_image();
  for (const char* key : {"id", "status", "owner", "size", "checksum", "os_hash_value",
                          "created_at", "stores", "os_glance_failed_import"}) {
    EXPECT_EQ(set_change(image, key, field_text(image, key).value()), std::nullopt) << key;
    EXPECT_EQ(set_error(image, key, "else"), EPERM) << key;
  }
  EXPECT_EQ(set_error(image, "updated_at", "yesterday"), EPERM);
  EXPECT_EQ(set_change(image, "updated_at", "2020-01-01T00:00:00Z"), std::nullopt);
  EXPECT_EQ(set_error(image, "direct_url", "http://127.0.0.1/"), EPERM);
}

TEST(SetChange, RefusesNamesThatGlanceDoesNotStore) {
  for (const char* key :
       {"context", "image_id", "__class__", "", " x", "x ", "x\t", "\xC2\xA0x", "x\xE3\x80\x80"}) {
    EXPECT_EQ(set_error(full_image(), key, "x"), EINVAL) << key;
  }
  EXPECT_EQ(set_error(full_image(), "a b", "x"), 0);
}

TEST(SetChange, RefusesWhatGlanceCannotHold) {
  const std::size_t longest = kXattrNameMax - kXattrPrefix.size();
  EXPECT_EQ(set_error(draft(), std::string(longest, 'k'), "x"), 0);
  EXPECT_EQ(set_error(draft(), std::string(longest + 1, 'k'), "x"), ERANGE);
  EXPECT_EQ(set_error(draft(), "k", std::string(65535, 'x')), 0);
  EXPECT_EQ(set_error(draft(), "k", std::string(65536, 'x')), E2BIG);
  EXPECT_EQ(set_error(draft(), "k", "\xFF"), EILSEQ);
  EXPECT_EQ(set_error(draft(), "k", "\xF0\x9F\x90\xA7"), EILSEQ);
  EXPECT_EQ(set_error(draft(), "\xFF", "x"), EILSEQ);
  EXPECT_EQ(set_error(draft(), "tags", "\xED\xA0\x80"), EILSEQ);
  EXPECT_EQ(set_error(draft(), "name", "\xF0\x9F\x90\xA7"), EILSEQ);
}

TEST(SetChange, SaysWhy) {
  try {
    set_change(draft(), "min_disk", "many");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("user.glance.min_disk takes a whole number"));
  }
}

TEST(RemoveChange, RemovesCustomProperties) {
  const Change change = remove_change(full_image(), "architecture");
  EXPECT_EQ(change.key, "architecture");
  EXPECT_EQ(change.value, std::nullopt);
  EXPECT_EQ(remove_error(full_image(), "nothing"), ENODATA);
}

TEST(RemoveChange, SetsBaseFieldsBack) {
  const Image image = full_image();
  EXPECT_EQ(remove_change(image, "min_disk").value, Value(std::int64_t{0}));
  EXPECT_EQ(remove_change(image, "min_ram").value, Value(std::int64_t{0}));
  EXPECT_EQ(remove_change(image, "protected").value, Value(false));
  EXPECT_EQ(remove_change(image, "os_hidden").value, Value(false));
  EXPECT_EQ(remove_change(image, "tags").value, Value(std::vector<std::string>()));
  EXPECT_EQ(remove_error(draft(), "tags"), ENODATA);
}

TEST(RemoveChange, RefusesTheRest) {
  Image image = full_image();
  image.properties.insert(image.properties.begin(), {" blank", "x"});
  image.properties.emplace_back("repo", "x");
  std::ranges::sort(image.properties);
  for (const char* key : {"id", "status", "name", "visibility", "owner", "disk_format", "stores"}) {
    EXPECT_EQ(remove_error(image, key), EPERM) << key;
  }
  EXPECT_EQ(remove_error(image, "repo"), EINVAL);
  EXPECT_EQ(remove_error(image, " blank"), EINVAL);
  EXPECT_EQ(remove_error(draft(), "size"), ENODATA);
}

TEST(ApplyChange, MakesWhatSetChangeAskedFor) {
  Image image = draft();
  const std::vector<std::pair<std::string, std::string>> wanted{
      {"name", "x"},         {"visibility", "community"},  {"disk_format", "iso"},
      {"min_disk", "7"},     {"container_format", "bare"}, {"min_ram", "8"},
      {"protected", "true"}, {"os_hidden", "true"},        {"tags", "a,b"},
      {"zeta", "last"},      {"alpha", "first"},           {"alpha", "changed"}};
  for (const auto& [key, text] : wanted) {
    apply_change(image, set_change(image, key, text).value());
    EXPECT_THAT(field_text(image, key), Optional(text));
    EXPECT_EQ(set_change(image, key, text), std::nullopt) << key;
  }
  EXPECT_THAT(image.properties,
              ElementsAre(testing::Pair("alpha", "changed"), testing::Pair("zeta", "last")));
}

TEST(ApplyChange, UndoesWhatRemoveChangeAskedFor) {
  Image image = full_image();
  for (const char* key :
       {"architecture", "os_distro", "min_disk", "min_ram", "protected", "os_hidden", "tags"}) {
    apply_change(image, remove_change(image, key));
  }
  EXPECT_EQ(client::find_property(image.properties, "architecture"), nullptr);
  EXPECT_THAT(field_text(image, "min_disk"), Optional("0"s));
  EXPECT_THAT(field_text(image, "protected"), Optional("false"s));
  EXPECT_TRUE(image.tags.empty());
  apply_change(image, {.key = "architecture", .value = std::nullopt});
}

TEST(ApplyChange, LeavesReadOnlyFieldsAlone) {
  Image image = full_image();
  apply_change(image, {.key = "id", .value = "else"s});
  EXPECT_EQ(image, full_image());
}

std::vector<std::string> random_tags(std::mt19937& random) {
  constexpr std::string_view kAlphabet = ",\\ab";
  std::vector<std::string> tags(random() % 4);
  for (std::string& tag : tags) {
    for (std::size_t left = random() % 4; left > 0; --left) tag += kAlphabet[random() % 4];
  }
  std::ranges::sort(tags);
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  return tags;
}

TEST(Tags, SurviveTextWhateverTheyContain) {
  // 0 unless tests are shuffled.
  std::mt19937 random(static_cast<unsigned>(testing::UnitTest::GetInstance()->random_seed()));
  for (int round = 0; round < 5000; ++round) {
    Image image = draft();
    image.tags = random_tags(random);
    Image copy = draft();
    copy.tags = {"before"};
    apply_change(copy, set_change(copy, "tags", field_text(image, "tags").value_or("")).value());
    EXPECT_EQ(copy.tags, image.tags);
  }
}

}  // namespace
}  // namespace glancefs::fs
