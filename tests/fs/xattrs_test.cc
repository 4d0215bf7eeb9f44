#include "fs/attributes/xattrs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "tests/fs/sample_image.h"

namespace glancefs::fs {
namespace {

using namespace std::string_literals;
using client::Image;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

TEST(KindOf, FollowsGlance) {
  for (const char* key :
       {"id",       "status",       "owner",         "size",       "virtual_size",
        "checksum", "os_hash_algo", "os_hash_value", "created_at", "updated_at",
        "stores",   "direct_url",   "locations",     "self",       "file",
        "schema",   "location",     "deleted",       "deleted_at", "os_glance_import_task",
        "os_glance"}) {
    EXPECT_EQ(kind_of(key), KeyKind::kReadOnly) << key;
  }
  for (const char* key : {"name", "visibility", "min_disk", "min_ram", "protected", "os_hidden"}) {
    EXPECT_EQ(kind_of(key), KeyKind::kBase) << key;
  }
  EXPECT_EQ(kind_of("disk_format"), KeyKind::kFormat);
  EXPECT_EQ(kind_of("container_format"), KeyKind::kFormat);
  EXPECT_EQ(kind_of("tags"), KeyKind::kTags);
  for (const char* key :
       {"context", "delete", "get_data", "set_data", "member", "repo", "reactivate", "deactivate",
        "extra_properties", "base", "__class__", "image_id"}) {
    EXPECT_EQ(kind_of(key), KeyKind::kReserved) << key;
  }
  for (const char* key : {"os_distro", "OS_GLANCE_x", "Name", "hw_rng_model", "hidden"}) {
    EXPECT_EQ(kind_of(key), KeyKind::kCustom) << key;
  }
}

TEST(FieldText, ShowsEveryField) {
  const Image image = full_image();
  const std::vector<std::pair<std::string, std::string>> expected{
      {"id", kId},
      {"name", "cirros"},
      {"status", "active"},
      {"visibility", "shared"},
      {"owner", "project"},
      {"disk_format", "qcow2"},
      {"container_format", "bare"},
      {"size", "9000000000000000000"},
      {"virtual_size", "117440512"},
      {"checksum", "d41d8cd98f00b204e9800998ecf8427e"},
      {"os_hash_algo", "sha512"},
      {"os_hash_value", "cf83"},
      {"min_disk", "1"},
      {"min_ram", "512"},
      {"protected", "true"},
      {"os_hidden", "true"},
      {"tags", "a\\,b,c"},
      {"created_at", "2024-02-29T01:00:00Z"},
      {"updated_at", "2024-02-29T01:01:01Z"},
      {"architecture", "x86_64"},
      {"os_glance_failed_import", ""},
      {"stores", "fast,slow"}};
  for (const auto& [key, text] : expected)
    EXPECT_THAT(field_text(image, key), Optional(text)) << key;
  EXPECT_EQ(field_text(image, "nothing"), std::nullopt);
}

TEST(FieldText, HasNothingForWhatADraftLacks) {
  const Image image = draft();
  for (const char* key :
       {"name", "owner", "disk_format", "container_format", "size", "virtual_size", "checksum",
        "os_hash_algo", "os_hash_value", "tags", "created_at", "updated_at"}) {
    EXPECT_EQ(field_text(image, key), std::nullopt) << key;
  }
  EXPECT_THAT(field_text(image, "status"), Optional("queued"s));
  EXPECT_THAT(field_text(image, "min_disk"), Optional("0"s));
  EXPECT_THAT(field_text(image, "protected"), Optional("false"s));
}

TEST(FieldText, RefusesWhatDoesNotFit) {
  Image image = full_image();
  image.properties = {{"big", std::string(kXattrSizeMax + 1, 'x')},
                      {"fits", std::string(kXattrSizeMax, 'x')}};
  EXPECT_EQ(error_of([&] { field_text(image, "big"); }), E2BIG);
  EXPECT_EQ(field_text(image, "fits")->size(), kXattrSizeMax);
}

TEST(ListedNames, NamesAllFieldsInGlancesOrder) {
  EXPECT_THAT(
      listed_names(full_image(), XattrList::kAll),
      ElementsAre("user.glance.id", "user.glance.name", "user.glance.status",
                  "user.glance.visibility", "user.glance.owner", "user.glance.disk_format",
                  "user.glance.container_format", "user.glance.size", "user.glance.virtual_size",
                  "user.glance.checksum", "user.glance.os_hash_algo", "user.glance.os_hash_value",
                  "user.glance.min_disk", "user.glance.min_ram", "user.glance.protected",
                  "user.glance.os_hidden", "user.glance.tags", "user.glance.created_at",
                  "user.glance.updated_at", "user.glance.architecture", "user.glance.os_distro",
                  "user.glance.os_glance_failed_import", "user.glance.stores"));
}

TEST(ListedNames, NamesWhatACopyMaySet) {
  Image image = full_image();
  for (const char* key : {" blank", "context", "direct_url", "locations", "base"}) {
    image.properties.emplace_back(key, "x");
  }
  std::ranges::sort(image.properties);
  EXPECT_THAT(
      listed_names(image, XattrList::kSettable),
      ElementsAre("user.glance.disk_format", "user.glance.container_format", "user.glance.min_disk",
                  "user.glance.min_ram", "user.glance.protected", "user.glance.os_hidden",
                  "user.glance.tags", "user.glance.architecture", "user.glance.os_distro"));
  EXPECT_THAT(listed_names(draft(), XattrList::kSettable), IsEmpty());
}

TEST(ListedNames, WhatIsListedAsSettableCanBeSetOnAnEmptyDraft) {
  const Image image = full_image();
  Image copy = draft();
  for (const std::string& name : listed_names(image, XattrList::kSettable)) {
    const std::string key = name.substr(kXattrPrefix.size());
    const std::string text = field_text(image, key).value();
    if (const auto change = set_change(copy, key, text)) apply_change(copy, *change);
    EXPECT_THAT(field_text(copy, key), Optional(text));
  }
  EXPECT_EQ(listed_names(copy, XattrList::kSettable), listed_names(image, XattrList::kSettable));
}

TEST(ListedNames, LeavesOutWhatAnAttributeCannotCarry) {
  Image image = draft();
  image.properties = {{"", "x"},
                      {"a\0b"s, "x"},
                      {"big", std::string(kXattrSizeMax + 1, 'x')},
                      {"empty", ""},
                      {"size", "a property that would hide a field"},
                      {std::string(kXattrNameMax - kXattrPrefix.size(), 'y'), "x"},
                      {std::string(kXattrNameMax - kXattrPrefix.size() + 1, 'z'), "x"}};
  EXPECT_THAT(listed_names(image, XattrList::kAll),
              ElementsAre("user.glance.id", "user.glance.status", "user.glance.visibility",
                          "user.glance.min_disk", "user.glance.min_ram", "user.glance.protected",
                          "user.glance.os_hidden", "user.glance.empty",
                          "user.glance." + std::string(kXattrNameMax - kXattrPrefix.size(), 'y')));
}

TEST(ListedNames, NeverGrowsBeyondWhatTheKernelTakes) {
  Image image = draft();
  for (int i = 0; i < 1000; ++i) {
    image.properties.emplace_back(std::string(200, 'p') + std::to_string(1000 + i), "x");
  }
  std::size_t size = 0;
  for (const std::string& name : listed_names(image, XattrList::kAll)) size += name.size() + 1;
  EXPECT_LE(size, kXattrSizeMax);
  EXPECT_GT(size, kXattrSizeMax - 300);
}

}  // namespace
}  // namespace glancefs::fs
