#include "fs/attributes/property_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <system_error>

namespace glancefs::fs {
namespace {

using client::PropertyDefinition;
using Type = PropertyDefinition::Type;

/// What would be allowed; empty: `text` is.
std::string refusal(const PropertyRules& rules, const std::string& key, const std::string& text) {
  try {
    rules.check(key, text);
    return {};
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EINVAL);
    const std::string what = error.what();
    return what.substr(0, what.rfind(": "));
  }
}

bool allows(const PropertyDefinition& definition, const std::string& text) {
  return refusal(PropertyRules({definition}), definition.name, text).empty();
}

/// So many letters, and then none.
std::string letters(std::size_t count) {
  std::string text(count, 'a');
  text.push_back('!');
  return text;
}

PropertyDefinition defined(Type type) {
  PropertyDefinition definition;
  definition.name = "p";
  definition.type = type;
  return definition;
}

TEST(PropertyRules, UnknownPropertiesAreFree) {
  EXPECT_EQ(refusal(PropertyRules({}), "anything", "at all"), "");
  EXPECT_EQ(refusal(PropertyRules({defined(Type::kInteger)}), "q", "many"), "");
}

TEST(PropertyRules, ValuesAreTheOnlyOnes) {
  PropertyDefinition bus = defined(Type::kText);
  bus.name = "hw_disk_bus";
  bus.values = {"scsi", "virtio", "ide"};
  const PropertyRules rules({bus});
  EXPECT_EQ(refusal(rules, "hw_disk_bus", "virtio"), "");
  EXPECT_EQ(refusal(rules, "hw_disk_bus", "nonsense"),
            "hw_disk_bus: expected one of scsi, virtio, ide");
  EXPECT_NE(refusal(rules, "hw_disk_bus", "SCSI"), "");
  EXPECT_NE(refusal(rules, "hw_disk_bus", ""), "");
}

TEST(PropertyRules, AnyDefinitionThatAllowsItIsEnough) {
  PropertyDefinition one = defined(Type::kText), two = defined(Type::kText);
  one.values = {"a", "b"};
  two.values = {"b", "c"};
  const PropertyRules rules({one, two});
  EXPECT_EQ(refusal(rules, "p", "c"), "");
  EXPECT_EQ(refusal(rules, "p", "d"), "p: expected one of a, b; or one of b, c");
}

TEST(PropertyRules, NumbersHaveRanges) {
  PropertyDefinition integer = defined(Type::kInteger);
  integer.minimum = 1;
  integer.maximum = 8;
  EXPECT_EQ(refusal(PropertyRules({integer}), "p", "9"), "p: expected a whole number from 1 to 8");
  for (const char* text : {"1", "8"}) EXPECT_TRUE(allows(integer, text)) << text;
  for (const char* text : {"0", "", "1.5", "one", " 1", "1 ", "99999999999999999999"}) {
    EXPECT_FALSE(allows(integer, text)) << text;
  }
  PropertyDefinition number = defined(Type::kNumber);
  number.minimum = 0.5;
  EXPECT_EQ(refusal(PropertyRules({number}), "p", "0.25"), "p: expected a number from 0.5");
  EXPECT_TRUE(allows(number, "1e3"));
}

TEST(PropertyRules, BooleansAreTextOfManySpellings) {
  for (const char* text : {"true", "False", "1", "no"}) {
    EXPECT_TRUE(allows(defined(Type::kBoolean), text)) << text;
  }
  EXPECT_EQ(refusal(PropertyRules({defined(Type::kBoolean)}), "p", "maybe"),
            "p: expected true or false");
}

TEST(PropertyRules, ListsHoldTheirItems) {
  PropertyDefinition list = defined(Type::kList);
  list.values = {"a", "b"};
  for (const char* text : {"a", "b,a", "[\"a\"]", "<in> a"})
    EXPECT_TRUE(allows(list, text)) << text;
  EXPECT_EQ(refusal(PropertyRules({list}), "p", "a,c"),
            "p: expected some of a, b, separated by commas");
  EXPECT_TRUE(allows(defined(Type::kList), "whatever"));
}

TEST(PropertyRules, LengthsAreInCharacters) {
  PropertyDefinition text = defined(Type::kText);
  text.shortest = 2;
  text.longest = 3;
  EXPECT_TRUE(allows(text, "\xC3\xA9\xC3\xA9"));
  EXPECT_FALSE(allows(text, "\xC3\xA9"));
  EXPECT_EQ(refusal(PropertyRules({text}), "p", "abcd"), "p: expected text of 2 to 3 characters");
}

TEST(PropertyRules, PatternsMatch) {
  PropertyDefinition uuid = defined(Type::kText);
  uuid.pattern = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}$";
  EXPECT_TRUE(allows(uuid, "1234abcd-0000-4000"));
  EXPECT_FALSE(allows(uuid, "1234abcd-0000"));
  uuid.pattern = "b+";
  EXPECT_TRUE(allows(uuid, "abc")) << "not anchored unless it says so";
}

TEST(PropertyRules, PatternsThatCannotBeLookedAtAllowEverything) {
  PropertyDefinition text = defined(Type::kText);
  for (const char* pattern : {"(", "(a)\\1", "((a{60}){60}){60}", "(?<=a)b"}) {
    text.pattern = pattern;
    EXPECT_TRUE(allows(text, "x")) << pattern;
  }
  text.pattern.assign(5000, 'a');
  EXPECT_TRUE(allows(text, "x"));
}

// With a matcher that backtracks, the second would take longer than the world will stand, and the
// third more stack than there is.
TEST(PropertyRules, NoPatternTakesForEver) {
  PropertyDefinition text = defined(Type::kText);
  for (const char* pattern : {"^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^([a-z]+)*$"}) {
    text.pattern = pattern;
    EXPECT_FALSE(allows(text, letters(60))) << pattern;
    EXPECT_FALSE(allows(text, letters(4000))) << pattern;
    EXPECT_TRUE(allows(text, letters(100'000))) << "too long to be looked at";
  }
}

TEST(PatternStates, CountsRepetitions) {
  EXPECT_LT(pattern_states("abc", 1000), 10U);
  EXPECT_GE(pattern_states("a{100}", 1000), 100U);
  EXPECT_GE(pattern_states("(abc){100}", 1000), 300U);
  EXPECT_EQ(pattern_states("((a{100}){100}){100}", 1000), 1000U);
  EXPECT_EQ(pattern_states("((((((((", 1000), pattern_states("((((((((", 500));
  EXPECT_LT(pattern_states("a{99999999999999999999}", 1000), 100U) << "no number, so no repetition";
  EXPECT_LT(pattern_states("[{100}]", 1000), 10U);
  EXPECT_EQ(pattern_states("a{2000}", 1000), 1000U);
}

}  // namespace
}  // namespace glancefs::fs
