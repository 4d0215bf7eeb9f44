#include "fs/command/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace glancefs::fs {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class Commands : public testing::Test {
 protected:
  std::optional<int> call(std::vector<std::string> words) {
    words.insert(words.begin(), "/usr/bin/glancefs");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    out_.str("");
    err_.str("");
    return run_command(argv, environment_, directory_, out_, err_);
  }

  const Environment environment_;
  const std::string directory_ = "/";
  std::ostringstream out_, err_;
};

TEST_F(Commands, HelpGoesToTheOutput) {
  for (const char* word : {"help", "--help", "-h"}) {
    EXPECT_EQ(call({word}), 0);
    EXPECT_THAT(err_.str(), IsEmpty());
    for (const Command& command : commands()) {
      EXPECT_THAT(out_.str(), HasSubstr(std::string(command.name)));
    }
  }
}

TEST_F(Commands, EachHasHelpOfItsOwn) {
  for (const Command& command : commands()) {
    std::vector<std::string> words;
    std::istringstream name{std::string(command.name)};
    for (std::string word; name >> word;) words.push_back(word);
    std::vector<std::string> helped = words;
    helped.emplace_back("--help");
    words.insert(words.begin(), "help");
    EXPECT_EQ(call(helped), 0);
    const std::string text = out_.str();
    EXPECT_THAT(text, HasSubstr("usage: glancefs " + std::string(command.name)));
    EXPECT_EQ(call(words), 0);
    EXPECT_EQ(out_.str(), text);
  }
}

TEST_F(Commands, WrongUseEndsWithTwoAndSaysWhyFirst) {
  EXPECT_EQ(call({"version", "--wat"}), 2);
  EXPECT_EQ(err_.str(), "glancefs: unknown option --wat\n");
  EXPECT_EQ(call({"version", "x\n"}), 2);
  EXPECT_EQ(err_.str(), "glancefs: unexpected \"x\\x0a\"\n  hint: glancefs version\n");
  EXPECT_EQ(call({"help", "wat"}), 2);
}

TEST_F(Commands, ListAndDropHaveShortNames) {
  EXPECT_EQ(call({"cache", "ls", "--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("glancefs cache list"));
  EXPECT_EQ(call({"cache", "rm", "--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("glancefs cache drop"));
  EXPECT_EQ(call({"cache", "wat"}), 2);
}

TEST_F(Commands, WhatIsNeitherIsGuessedAt) {
  EXPECT_EQ(call({"stauts"}), 2);
  EXPECT_EQ(err_.str(), "glancefs: unknown command \"stauts\"\n  hint: did you mean \"status\"?\n");
  EXPECT_EQ(call({"muont"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("did you mean \"mount\"?"));
  EXPECT_EQ(call({"cache"}), 2);
  EXPECT_EQ(err_.str(), "glancefs: \"cache\" needs a second word\n  hint: glancefs help\n");
  EXPECT_EQ(call({}), 2);
  EXPECT_EQ(err_.str(), "glancefs: no command given\n  hint: glancefs help\n");
}

TEST_F(Commands, WhatIsNoCommandIsLeftToTheMount) {
  EXPECT_EQ(call({"mount", "/mnt"}), std::nullopt);
  EXPECT_EQ(call({"mycloud", "/mnt"}), std::nullopt);
  EXPECT_EQ(call({"stauts", "/mnt"}), std::nullopt) << "it may be a cloud";
}

}  // namespace
}  // namespace glancefs::fs
