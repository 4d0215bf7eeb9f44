#include "client/cloud_file.h"

namespace glancefs::client {
namespace {

TEST(ParseConfig, MergeKeys) {
  const ConfigTree tree = parse_config(R"(
base: &base {a: 1, b: 2, auth: {u: x}}
more: &more {b: 3, c: 4}
one: {<<: *base, b: own}
two:
  <<: [*base, *more]
)",
                                       "f");
  EXPECT_EQ(tree.find("one")->find("a")->text, "1");
  EXPECT_EQ(tree.find("one")->find("b")->text, "own");
  EXPECT_EQ(tree.find("two")->find("b")->text, "2") << "the first of a list wins";
  EXPECT_EQ(tree.find("two")->find("c")->text, "4");
  EXPECT_EQ(tree.find("two")->find("auth")->find("u")->text, "x");
}

TEST(ParseConfig, ReadsJson) {
  const ConfigTree tree =
      parse_config(R"({"clouds": {"a": {"verify": false, "l": ["x", "y"]}}})", "f");
  EXPECT_EQ(tree.find("clouds")->find("a")->find("verify")->text, "false");
  EXPECT_EQ(tree.find("clouds")->find("a")->find("l")->list.size(), 2U);
}

TEST(ParseConfig, SaysWhereItIsBroken) {
  try {
    parse_config("clouds:\n  a: [1,\n", "/etc/clouds.yaml");
    FAIL();
  } catch (const CloudError& error) {
    EXPECT_THAT(error.what(), testing::StartsWith("/etc/clouds.yaml: line "));
  }
}

TEST(ParseConfig, BombsAreRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j == 0 ? "" : ", ") + last;
    bomb += "]\n";
  }
  EXPECT_THROW(parse_config(bomb, "f"), CloudError);
  EXPECT_THROW(parse_config(std::string(100, '[') + std::string(100, ']'), "f"), CloudError);
}

TEST(Merge, MapsByMember) {
  ConfigTree base = parse_config("{a: {x: 1, y: 2}, l: [1]}", "f");
  merge(base, parse_config("{a: {y: 3}, l: [2, 3]}", "f"));
  EXPECT_EQ(base.find("a")->find("x")->text, "1");
  EXPECT_EQ(base.find("a")->find("y")->text, "3");
  EXPECT_EQ(base.find("l")->list.size(), 2U);
}

TEST(WithPlainKeys, AtEveryLevel) {
  const ConfigTree tree = with_plain_keys(parse_config("{auth-url: {user-name: a-b}}", "f"));
  EXPECT_EQ(tree.find("auth_url")->find("user_name")->text, "a-b");
}

}  // namespace
}  // namespace glancefs::client
