#include "fs/attributes/member_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fs/sample_image.h"

namespace glancefs::fs {
namespace {

using client::Member;
using client::MemberStatus;
using testing::ElementsAre;
using testing::IsEmpty;

int parse_error(const std::string& text) {
  return error_of([&] { parse_member_list(text); });
}

TEST(MemberList, WritesProjectsWithTheirStatus) {
  EXPECT_EQ(member_list({}), "");
  EXPECT_EQ(member_list({{.project = "a", .status = MemberStatus::kAccepted},
                         {.project = "b", .status = MemberStatus::kPending}}),
            "a=accepted,b=pending");
}

TEST(MemberList, ReadsBackWhatItWrites) {
  const std::vector<Member> odd{{.project = ",", .status = MemberStatus::kRejected},
                                {.project = "=", .status = MemberStatus::kAccepted},
                                {.project = "=accepted", .status = MemberStatus::kPending},
                                {.project = "\\", .status = MemberStatus::kPending},
                                {.project = "a=b\\,c", .status = MemberStatus::kPending}};
  std::vector<Member> again;
  for (const WantedMember& member : parse_member_list(member_list(odd))) {
    again.push_back({.project = member.project, .status = member.status.value()});
  }
  EXPECT_EQ(again, odd);
}

TEST(MemberList, TheStatusMayBeLeftOut) {
  EXPECT_THAT(parse_member_list("b,a=rejected,a"),
              ElementsAre(WantedMember{"a", MemberStatus::kRejected}, WantedMember{"b", {}}));
  EXPECT_THAT(parse_member_list("a,a=pending"),
              ElementsAre(WantedMember{"a", MemberStatus::kPending}));
  EXPECT_THAT(parse_member_list(""), IsEmpty());
}

TEST(MemberList, RefusesWhatIsNone) {
  for (const char* text :
       {",", "a,", "=accepted", "a=", "a=yes", "a=Accepted", "a=accepted,a=rejected"}) {
    EXPECT_EQ(parse_error(text), EINVAL) << text;
  }
  EXPECT_EQ(parse_error(std::string(256, 'x')), EINVAL);
  EXPECT_EQ(parse_error("\xFF"), EILSEQ);
}

TEST(MemberList, OfAFileHoldsOnlyWhoItWillBeOfferedTo) {
  client::Image image = draft();
  image.visibility = client::Visibility::kShared;
  EXPECT_EQ(members_of_file(image, "b=pending,a\\=1"), "a\\=1,b");
  EXPECT_EQ(error_of([&] { members_of_file(image, "a=accepted"); }), EPERM);
  image.visibility = client::Visibility::kPrivate;
  EXPECT_EQ(error_of([&] { members_of_file(image, "a"); }), EINVAL);
  EXPECT_EQ(members_of_file(image, ""), "");
}

}  // namespace
}  // namespace glancefs::fs
