// GET /v2/images: pages, markers, filters, and the ways in which they deceive.
#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;
using testing::UnorderedElementsAreArray;

class Listing : public CloudTest {
 protected:
  void SetUp() override { tag_ = "t-" + new_uuid(); }

  std::string tagged(const User& user, Json fields = Json::object()) {
    fields["tags"].push_back(tag_);
    return create(user, std::move(fields));
  }
  std::vector<std::string> make(int count) {
    std::vector<std::string> ids;
    for (int i = 0; i < count; ++i) ids.push_back(tagged(cloud().demo));
    return ids;
  }
  [[nodiscard]] std::vector<std::string> tagged_list(const std::string& query) const {
    return list(cloud().demo, "tag=" + tag_ + query);
  }
  [[nodiscard]] Json page(const std::string& query) const {
    return get(cloud().demo, "/v2/images?tag=" + tag_ + query).json();
  }

  std::string tag_;
};

TEST_F(Listing, PagesByMarkerWithoutLossOrRepetition) {
  const auto made = make(5);
  const std::string query = "&sort=created_at:asc,id:asc&limit=2";
  auto seen = tagged_list(query);
  for (std::size_t before = 0; seen.size() != before;) {
    before = seen.size();
    const auto more = tagged_list(query + "&marker=" + seen.back());
    seen.insert(seen.end(), more.begin(), more.end());
  }
  EXPECT_THAT(seen, UnorderedElementsAreArray(made));
}

TEST_F(Listing, NextIsAbsentOnTheLastPage) {
  make(3);
  EXPECT_TRUE(page("&limit=2").contains("next"));
  EXPECT_FALSE(page("&limit=4").contains("next"));
  EXPECT_EQ(page("&limit=2")["schema"], "/v2/schemas/images");
}

TEST_F(Listing, FullLastPageLeadsToAnEmptyOne) {
  const auto made = make(2);
  const auto full = page("&limit=2&sort=created_at:asc,id:asc");
  EXPECT_TRUE(full.contains("next"));
  EXPECT_THAT(tagged_list("&limit=2&sort=created_at:asc,id:asc&marker=" +
                          full["images"][1].value("id", "")),
              IsEmpty());
}

// The second page would be another query: repeated parameters and the endpoint's prefix are lost.
TEST_F(Listing, NextLosesRepeatedParameters) {
  for (int i = 0; i < 2; ++i) tagged(cloud().demo, {{"tags", {"second"}}});
  const auto next = page("&tag=second&limit=1").value("next", "");
  EXPECT_THAT(next, testing::StartsWith("/v2/images?"));
  EXPECT_THAT(next, HasSubstr("marker="));
  EXPECT_NE(next.find("tag="), std::string::npos);
  EXPECT_EQ(next.find("tag="), next.rfind("tag="));
}

TEST_F(Listing, NewestComesFirstByDefault) {
  const auto made = make(3);
  EXPECT_EQ(tagged_list(""), tagged_list("&sort=created_at:desc"));
  EXPECT_EQ(tagged_list(""), tagged_list("&sort_key=created_at&sort_dir=desc"));
}

TEST_F(Listing, LimitsAreChecked) {
  make(1);
  const auto none = page("&limit=0");
  EXPECT_THAT(none["images"], IsEmpty());
  EXPECT_FALSE(none.contains("next"));
  EXPECT_THAT(tagged_list("&limit=5000"), testing::SizeIs(1));
  for (const auto* bad : {"-1", "x", "1.5", ""}) {
    EXPECT_THAT(get(cloud().demo, std::string("/v2/images?limit=") + bad), Answers(400)) << bad;
  }
}

TEST_F(Listing, MarkersThatCannotBeUsed) {
  const auto foreign = create(cloud().other, {{"visibility", "private"}});
  const auto gone = create(cloud().demo);
  ASSERT_THAT(del(cloud().demo, "/v2/images/" + gone), Answers(204));
  EXPECT_THAT(get(cloud().demo, "/v2/images?marker=" + new_uuid()), Answers(400, "No image found"));
  EXPECT_THAT(get(cloud().demo, "/v2/images?marker=" + gone), Answers(400, "No image found"));
  EXPECT_THAT(get(cloud().demo, "/v2/images?marker=" + foreign), Answers(403));
  EXPECT_THAT(get(cloud().admin, "/v2/images?marker=" + gone), Answers(200));
}

TEST_F(Listing, BadSortsAreRefused) {
  for (const auto* bad : {"sort=owner", "sort=name:up", "sort=name&sort_key=id", "sort_key=owner",
                          "sort_dir=up", "sort_key=name&sort_dir=asc&sort_dir=desc"}) {
    EXPECT_THAT(get(cloud().demo, std::string("/v2/images?") + bad), Answers(400)) << bad;
  }
  EXPECT_THAT(get(cloud().demo, "/v2/images?limit=1&sort=name:asc,size,id:desc"), Answers(200));
}

// Sizes of queued images are null, and null does not compare: pages by size lose or repeat them.
TEST_F(Listing, PagingByANullableColumnBreaks) {
  make(4);
  const std::string query = "&sort=size:asc&limit=2";
  const auto first = tagged_list(query);
  ASSERT_THAT(first, testing::SizeIs(2));
  EXPECT_THAT(tagged_list(query + "&marker=" + first.back()), IsEmpty());
}

TEST_F(Listing, NameNeedsTheEqOperator) {
  const auto name = "ubuntu:22.04 \"x\", \\ " + tag_;
  const auto id = tagged(cloud().demo, {{"name", name}});
  EXPECT_THAT(tagged_list("&name=eq:ubuntu%3A22.04%20%22x%22%2C%20%5C%20" + tag_),
              UnorderedElementsAre(id));
  EXPECT_THAT(get(cloud().demo, "/v2/images?name=ubuntu:22.04"), Answers(400));
  EXPECT_THAT(get(cloud().demo, "/v2/images?name=gt:a"), Answers(400));
}

TEST_F(Listing, InTakesAListWithQuotedCommas) {
  const auto a = tagged(cloud().demo, {{"name", "a"}});
  const auto c = tagged(cloud().demo, {{"name", "c,d"}});
  tagged(cloud().demo, {{"name", "e"}});
  EXPECT_THAT(tagged_list("&name=in:a,%22c,d%22"), UnorderedElementsAre(a, c));
  EXPECT_THAT(tagged_list("&name=in:a"), UnorderedElementsAre(a));
  EXPECT_THAT(tagged_list("&id=in:" + a + "," + c), UnorderedElementsAre(a, c));
  EXPECT_THAT(tagged_list("&status=in:queued,active"), testing::SizeIs(3));
}

TEST_F(Listing, TagsAreAnded) {
  const auto both = tagged(cloud().demo, {{"tags", {"second"}}});
  tagged(cloud().demo);
  EXPECT_THAT(tagged_list("&tag=second"), UnorderedElementsAre(both));
  EXPECT_THAT(list(cloud().demo, "tag="), IsEmpty());
}

TEST_F(Listing, CustomPropertiesAreComparedAsTheyAre) {
  const auto id = tagged(cloud().demo, {{"hw_disk_bus", "virtio"}});
  EXPECT_THAT(tagged_list("&hw_disk_bus=virtio"), UnorderedElementsAre(id));
  EXPECT_THAT(tagged_list("&hw_disk_bus=Virtio"), IsEmpty());
  EXPECT_THAT(tagged_list("&hw_disk_bus=in:virtio,scsi"), IsEmpty());
}

TEST_F(Listing, UnknownAndRepeatedParametersEmptyTheList) {
  make(1);
  EXPECT_THAT(tagged_list("&bogus=1"), IsEmpty());
  EXPECT_THAT(tagged_list("&limit=1&limit=2"), IsEmpty());
}

TEST_F(Listing, ParametersThatAreServerErrors) {
  for (const auto* bad : {"foo_min=1", "properties=x", "locations=x"}) {
    EXPECT_THAT(get(cloud().demo, std::string("/v2/images?") + bad), Answers(500)) << bad;
  }
}

TEST_F(Listing, ParametersThatAreRefused) {
  for (const auto* bad :
       {"visibility=secret", "member_status=maybe", "protected=True", "os_hidden=maybe",
        "changes-since=2026-01-01T00:00:00Z", "created_at=gte:yesterday", "size_min=big"}) {
    EXPECT_THAT(get(cloud().demo, std::string("/v2/images?") + bad), Answers(400)) << bad;
  }
}

TEST_F(Listing, TimesAndSizesBound) {
  const auto id = tagged(cloud().demo);
  ASSERT_THAT(upload(cloud().demo, id, "12345"), Answers(204));
  const auto image = record(cloud().demo, id);
  const auto time = image["updated_at"].get<std::string>();
  EXPECT_THAT(tagged_list("&updated_at=gte:" + time), UnorderedElementsAre(id));
  EXPECT_THAT(tagged_list("&updated_at=gte:2099-01-01T00:00:00Z"), IsEmpty());
  EXPECT_THAT(tagged_list("&size_min=5&size_max=5"), UnorderedElementsAre(id));
  EXPECT_THAT(tagged_list("&size_min=6"), IsEmpty());
}

TEST_F(Listing, HiddenImagesHaveAListOfTheirOwn) {
  const auto shown = tagged(cloud().demo);
  const auto hidden = tagged(cloud().demo, {{"os_hidden", true}});
  EXPECT_THAT(tagged_list(""), UnorderedElementsAre(shown));
  EXPECT_THAT(tagged_list("&visibility=all"), UnorderedElementsAre(shown));
  EXPECT_THAT(tagged_list("&os_hidden=true"), UnorderedElementsAre(hidden));
  EXPECT_THAT(tagged_list("&os_hidden=TRUE"), UnorderedElementsAre(hidden));
}

TEST_F(Listing, DeletedImagesAreNeverListed) {
  const auto id = tagged(cloud().demo);
  ASSERT_THAT(del(cloud().demo, "/v2/images/" + id), Answers(204));
  EXPECT_THAT(list(cloud().admin, "visibility=all&deleted=true&tag=" + tag_), IsEmpty());
}

}  // namespace
}  // namespace glancefs::cloud
