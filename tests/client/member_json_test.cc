#include "client/member_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <system_error>

namespace glancefs::client {
namespace {

using testing::ElementsAre;
using testing::Optional;

TEST(ParseMembers, SortedAndWithoutNonsense) {
  EXPECT_THAT(parse_members(R"({"members": [{"member_id": "b", "status": "accepted"},
      {"member_id": "", "status": "accepted"}, {"member_id": "c", "status": "maybe"}, 7,
      {"member_id": "a", "status": "pending"}, {"member_id": "d", "status": "rejected"}]})"),
              Optional(ElementsAre(Member{"a", MemberStatus::kPending},
                                   Member{"b", MemberStatus::kAccepted},
                                   Member{"d", MemberStatus::kRejected})));
  EXPECT_FALSE(parse_members(R"({"members": {}})"));
  EXPECT_FALSE(parse_members("<html>"));
}

TEST(MemberBodies, AreWhatGlanceTakes) {
  EXPECT_EQ(offer_json("a\"b"), R"({"member":"a\"b"})");
  EXPECT_EQ(answer_json(MemberStatus::kRejected), R"({"status":"rejected"})");
  try {
    offer_json("\xFF");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EILSEQ);
  }
}

}  // namespace
}  // namespace glancefs::client
