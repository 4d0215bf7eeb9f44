#include "fs/command/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "fs/command/usage_error.h"

namespace glancefs::fs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Words = std::vector<std::string>;

constexpr std::array kOptions{kFormatOption, kColumnOption,
                              CommandOption{"watch", 'w', "", "again and again"}};

Arguments parse(const Words& words) { return {words, kOptions}; }

std::string complaint(const Words& words) {
  try {
    parse(words);
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

TEST(Arguments, OptionsMayStandAnywhere) {
  const Arguments got = parse({"-f", "json", "a", "--watch", "b"});
  EXPECT_THAT(got.positionals(), ElementsAre("a", "b"));
  EXPECT_EQ(got.value("format"), "json");
  EXPECT_TRUE(got.has("watch"));
}

TEST(Arguments, ValuesComeInFourSpellings) {
  for (const Words& words : {Words{"-f", "csv"}, Words{"-fcsv"}, Words{"--format", "csv"},
                             Words{"--format=csv"}, Words{"-wfcsv"}}) {
    EXPECT_EQ(parse(words).output().format, Format::kCsv) << words.front();
  }
}

TEST(Arguments, RepeatedValuesAreKeptAndTheLastOneCounts) {
  const Arguments got = parse({"-c", "a", "-c", "b", "-f", "json", "-f", "value"});
  EXPECT_THAT(got.output().columns, ElementsAre("a", "b"));
  EXPECT_EQ(got.output().format, Format::kValue);
}

TEST(Arguments, NothingAfterTwoHyphensIsAnOption) {
  EXPECT_THAT(parse({"--", "-w", "--format"}).positionals(), ElementsAre("-w", "--format"));
  EXPECT_THAT(parse({"-"}).positionals(), ElementsAre("-"));
}

TEST(Arguments, SayWhatIsWrong) {
  EXPECT_THAT(complaint({"--wat"}), HasSubstr("unknown option --wat"));
  EXPECT_THAT(complaint({"-x"}), HasSubstr("unknown option -x"));
  EXPECT_THAT(complaint({"-f"}), HasSubstr("--format needs a value"));
  EXPECT_THAT(complaint({"--format"}), HasSubstr("--format needs a value"));
  EXPECT_THAT(complaint({"--watch=1"}), HasSubstr("--watch takes no value"));
  EXPECT_THROW(parse({"-f", "yaml"}).output(), UsageError);
}

TEST(Arguments, CountTheirPositionals) {
  EXPECT_THROW(parse({}).expect_positionals(1, 1, "usage"), UsageError);
  EXPECT_THROW(parse({"a", "b"}).expect_positionals(0, 1, "usage"), UsageError);
  EXPECT_NO_THROW(parse({"a"}).expect_positionals(0, 1, "usage"));
  EXPECT_THAT(parse({}).values("column"), IsEmpty());
}

}  // namespace
}  // namespace glancefs::fs
