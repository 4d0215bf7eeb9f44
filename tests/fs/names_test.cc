#include "fs/catalogue/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/images.h"
#include "tests/support/hostile_names.h"

namespace glancefs::fs {
namespace {

using namespace std::string_literals;
using testing::Optional;

using test::kSomeId;
using test::many_names;
using test::repeated;

// Every string of up to `length` characters of `alphabet`.
std::vector<std::string> all_strings(std::string_view alphabet, std::size_t length) {
  std::vector<std::string> strings{""};
  for (std::size_t begin = 0; length > 0; --length) {
    const std::size_t end = strings.size();
    for (; begin < end; ++begin) {
      for (const char c : alphabet) strings.push_back(strings[begin] + c);
    }
  }
  return strings;
}

void expect_sound(const std::string& name) {
  const std::string file = escape_name(name);
  EXPECT_EQ(unescape_name(file), name) << file;
  EXPECT_EQ(file.find('/'), std::string::npos) << file;
  EXPECT_EQ(file.find('\0'), std::string::npos) << file;
  EXPECT_NE(file, ".");
  EXPECT_NE(file, "..");
  EXPECT_NE(file, ".glancefs");
  EXPECT_NE(file, ".pending");
  EXPECT_EQ(alias_id(file), std::nullopt) << file;
  EXPECT_FALSE(client::is_uuid(file)) << file;
}

TEST(EscapeName, LeavesOrdinaryNamesAlone) {
  for (const char* name : {"cirros-0.6.2", "Ubuntu 24.04 LTS (x86_64)", "50% off", "100%",
                           ".hidden", "...", "~", "backup~", "~1234abc", "x~1234ABCD",
                           "na\xC3\xAFve", "line\nbreak", "%zz", "~1234abcd.qcow2"}) {
    EXPECT_EQ(escape_name(name), name);
  }
  EXPECT_EQ(escape_name(""), "");
}

TEST(EscapeName, EscapesWhatCannotBeAFileName) {
  EXPECT_EQ(escape_name("a/b"), "a%2Fb");
  EXPECT_EQ(escape_name("a\0b"s), "a%00b");
  EXPECT_EQ(escape_name("."), "%2E");
  EXPECT_EQ(escape_name(".."), "%2E%2E");
}

TEST(EscapeName, EscapesWhatWouldMeanSomethingElse) {
  EXPECT_EQ(escape_name("a%2Fb"), "a%252Fb");
  EXPECT_EQ(escape_name("a%2fb"), "a%252fb");
  EXPECT_EQ(escape_name(".glancefs"), "%2Eglancefs");
  EXPECT_EQ(escape_name(".pending"), "%2Epending");
  EXPECT_EQ(escape_name("x~1234abcd"), "x%7E1234abcd");
  EXPECT_EQ(escape_name("x~" + std::string(kSomeId)), "x%7E" + std::string(kSomeId));
  EXPECT_EQ(escape_name(kSomeId), "%31" + std::string(kSomeId.substr(1)));
}

TEST(EscapeName, IsReversibleAndSafeForHostileNames) {
  for (const std::string& name : many_names()) expect_sound(name);
}

TEST(EscapeName, IsReversibleForEveryShortCombination) {
  std::set<std::string> files;
  const std::vector<std::string> names = all_strings("%2Ff/.~\n", 5);
  for (const std::string& name : names) {
    expect_sound(name);
    files.insert(escape_name(name));
  }
  EXPECT_EQ(files.size(), names.size());
}

TEST(EscapeName, NeverGivesTwoNamesTheSameFileName) {
  std::set<std::string> names;
  std::set<std::string> files;
  for (const std::string& name : many_names()) {
    names.insert(name);
    files.insert(escape_name(name));
  }
  EXPECT_EQ(files.size(), names.size());
}

TEST(UnescapeName, DecodesEitherCaseAndLeavesTheRest) {
  EXPECT_EQ(unescape_name("a%2fb%2Fc"), "a/b/c");
  EXPECT_EQ(unescape_name("%00"), "\0"s);
  EXPECT_EQ(unescape_name("%ff"), "\xFF");
  EXPECT_EQ(unescape_name("%"), "%");
  EXPECT_EQ(unescape_name("%2"), "%2");
  EXPECT_EQ(unescape_name("%2g%"), "%2g%");
  EXPECT_EQ(unescape_name("%252F"), "%2F");
}

TEST(AliasName, AppendsTheBeginningOfTheId) {
  EXPECT_EQ(alias_name("cirros", kSomeId), "cirros~1234abcd");
  EXPECT_EQ(alias_name("disk.qcow2", kSomeId), "disk.qcow2~1234abcd");
  EXPECT_EQ(long_alias_name("cirros", kSomeId), "cirros~" + std::string(kSomeId));
}

TEST(AliasName, CutsLongNamesAndKeepsTheExtension) {
  EXPECT_EQ(alias_name(repeated("a", 246), kSomeId), repeated("a", 246) + "~1234abcd");
  EXPECT_EQ(alias_name(repeated("a", 247), kSomeId), repeated("a", 246) + "~1234abcd");
  EXPECT_EQ(alias_name(repeated("a", 300) + ".qcow2", kSomeId),
            repeated("a", 240) + ".qcow2~1234abcd");
  // Not extensions: too long, nothing before it, nothing after it.
  const std::string sentence = repeated("a", 250) + ". And then it ends";
  EXPECT_EQ(alias_name(sentence, kSomeId), repeated("a", 246) + "~1234abcd");
  EXPECT_EQ(alias_name("." + repeated("a", 260), kSomeId), "." + repeated("a", 245) + "~1234abcd");
  EXPECT_EQ(alias_name(repeated("a", 260) + ".", kSomeId), repeated("a", 246) + "~1234abcd");
}

TEST(AliasName, CutsBetweenCharactersAndEscapes) {
  const std::string euros = alias_name(repeated("\xE2\x82\xAC", 255), kSomeId);
  EXPECT_EQ(euros, repeated("\xE2\x82\xAC", 82) + "~1234abcd");
  const std::string shifted = alias_name("a" + repeated("\xE2\x82\xAC", 255), kSomeId);
  EXPECT_EQ(shifted, "a" + repeated("\xE2\x82\xAC", 81) + "~1234abcd");
  for (const std::string before : {"", "a", "aa"}) {
    const std::string slashes = alias_name(before + repeated("%2F", 100), kSomeId);
    EXPECT_EQ((slashes.size() - before.size() - 9) % 3, 0U) << slashes;
  }
}

TEST(AliasName, FitsIsValidAndShowsItsIdForHostileNames) {
  for (const std::string& name : many_names()) {
    const std::string file = escape_name(name);
    for (const std::string& alias : {alias_name(file, kSomeId), long_alias_name(file, kSomeId)}) {
      ASSERT_LE(alias.size(), kNameMax);
      EXPECT_EQ(alias.find('/'), std::string::npos);
      EXPECT_EQ(alias.find('\0'), std::string::npos);
      EXPECT_EQ(valid_utf8(alias), valid_utf8(name)) << alias;
      const auto id = alias_id(alias);
      ASSERT_TRUE(id) << alias;
      EXPECT_TRUE(kSomeId.starts_with(*id)) << alias;
    }
    EXPECT_THAT(alias_id(alias_name(file, kSomeId)), Optional("1234abcd"s));
    EXPECT_THAT(alias_id(long_alias_name(file, kSomeId)), Optional(std::string(kSomeId)));
  }
}

TEST(AliasId, KnowsTheTwoForms) {
  EXPECT_THAT(alias_id("x~1234abcd"), Optional("1234abcd"s));
  EXPECT_THAT(alias_id("~1234abcd"), Optional("1234abcd"s));
  EXPECT_THAT(alias_id("x~y~1234abcd"), Optional("1234abcd"s));
  EXPECT_THAT(alias_id("x~" + std::string(kSomeId)), Optional(std::string(kSomeId)));
  for (const char* name : {"", "x", "~", "x~", "x~1234abc", "x~1234abcde", "x~1234ABCD",
                           "x~1234abcg", "1234abcd", "x~1234abcd ", "x%7E1234abcd"}) {
    EXPECT_EQ(alias_id(name), std::nullopt) << name;
  }
  EXPECT_EQ(alias_id(kSomeId), std::nullopt);
}

TEST(CheckNewName, AcceptsWhatGlanceAccepts) {
  for (const std::string& name : {""s, "."s, "a/b"s, "a\0b"s, "\n"s, repeated("a", 255),
                                  repeated("\xE2\x82\xAC", 255), "\xEF\xBF\xBF"s}) {
    EXPECT_EQ(check_new_name(name), 0) << name;
  }
}

TEST(CheckNewName, CountsCharactersNotBytes) {
  EXPECT_EQ(check_new_name(repeated("a", 256)), ENAMETOOLONG);
  EXPECT_EQ(check_new_name(repeated("\xE2\x82\xAC", 256)), ENAMETOOLONG);
}

TEST(CheckNewName, RefusesWhatGlanceCannotStore) {
  EXPECT_EQ(check_new_name("\xF0\x9F\x90\xA7"), EILSEQ);
  EXPECT_EQ(check_new_name("\xFF"), EILSEQ);
  EXPECT_EQ(check_new_name("a\xC3"), EILSEQ);
  EXPECT_EQ(check_new_name(repeated("a", 300) + "\xFF"), EILSEQ);
}

TEST(ValidUtf8, FollowsTheTableOfWellFormedSequences) {
  for (const std::string& text :
       {""s, "a\0b"s, "\x7F"s, "\xC2\x80"s, "\xDF\xBF"s, "\xE0\xA0\x80"s, "\xED\x9F\xBF"s,
        "\xEE\x80\x80"s, "\xEF\xBF\xBF"s, "\xF0\x90\x80\x80"s, "\xF4\x8F\xBF\xBF"s}) {
    EXPECT_TRUE(valid_utf8(text)) << text;
  }
  for (const char* text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xE2\x82",
        "\xE2\x82\x41", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF0\x9F\x90",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF"}) {
    EXPECT_FALSE(valid_utf8(text)) << text;
  }
}

}  // namespace
}  // namespace glancefs::fs
