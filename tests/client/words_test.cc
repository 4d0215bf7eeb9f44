#include "client/change.h"
#include "client/images.h"
#include "client/url_text.h"

namespace glancefs::client {
namespace {

TEST(Words, ThereAndBack) {
  for (const auto visibility :
       {Visibility::kPublic, Visibility::kPrivate, Visibility::kShared, Visibility::kCommunity}) {
    EXPECT_EQ(visibility_of(to_string(visibility)), visibility);
  }
  EXPECT_FALSE(visibility_of("Public"));
  EXPECT_EQ(status_of("active"), Status::kActive);
  EXPECT_EQ(status_of("killed"), Status::kOther);
  EXPECT_EQ(to_string(Status::kImporting), "importing");
}

TEST(Uuid, NewOnesAreValidAndDifferent) {
  const std::string id = new_uuid();
  EXPECT_TRUE(is_uuid(id)) << id;
  EXPECT_EQ(id[14], '4');
  EXPECT_NE(id, new_uuid());
}

TEST(Uuid, OthersAreNot) {
  for (const char* text :
       {"", "1", "11111111-2222-4333-8444-55555555555", "11111111-2222-4333-8444-5555555555555",
        "11111111-2222-4333-8444-55555555555A", "11111111x2222-4333-8444-555555555555",
        "../11111-2222-4333-8444-555555555555"}) {
    EXPECT_FALSE(is_uuid(text)) << text;
  }
}

TEST(UrlEncoded, EverythingUnusual) {
  EXPECT_EQ(url_encoded("aZ9-._~"), "aZ9-._~");
  EXPECT_EQ(url_encoded("eq:a b/&ü\n"), "eq%3Aa%20b%2F%26%C3%BC%0A");
}

TEST(FindProperty, InSortedOnes) {
  const Properties properties{{"a", "1"}, {"c", "3"}};
  EXPECT_EQ(*find_property(properties, "c"), "3");
  EXPECT_EQ(find_property(properties, "b"), nullptr);
  EXPECT_EQ(find_property({}, "b"), nullptr);
}

TEST(Shows, ComparesByMeaning) {
  Image image;
  image.name = "n";
  image.tags = {"a", "b"};
  image.min_ram = 5;
  image.properties = {{"os_distro", "debian"}};
  EXPECT_TRUE(shows(image, {"tags", Value(std::vector<std::string>{"b", "a", "b"})}));
  EXPECT_FALSE(shows(image, {"tags", Value(std::vector<std::string>{"b"})}));
  EXPECT_TRUE(shows(image, {"min_ram", Value(std::int64_t{5})}));
  EXPECT_TRUE(shows(image, {"os_distro", Value(std::string("debian"))}));
  EXPECT_FALSE(shows(image, {"os_distro", std::nullopt}));
  EXPECT_TRUE(shows(image, {"absent", std::nullopt}));
  EXPECT_TRUE(shows(image, {"visibility", Value(std::string("private"))}));
  EXPECT_FALSE(shows(image, {"protected", Value(true)}));
}

}  // namespace
}  // namespace glancefs::client
