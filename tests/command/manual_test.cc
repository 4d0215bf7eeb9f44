// The manual pages, compared with the tables they describe.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "fs/command/commands.h"
#include "fs/mount/option_table.h"

namespace glancefs::fs {
namespace {

using testing::HasSubstr;

std::string page(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(std::string(GLANCEFS_MANUALS) + "/" + name + ".scd").rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

/// How often a line of `text` begins with `begin`.
int lines_beginning(const std::string& text, std::string_view begin) {
  std::istringstream lines(text);
  int count = 0;
  for (std::string line; std::getline(lines, line);) count += line.starts_with(begin) ? 1 : 0;
  return count;
}

TEST(Manual, Glancefs1HasEveryCommandWithItsOptions) {
  std::string text = page("glancefs.1");
  text.erase(0, text.find("\n# COMMANDS\n") + 1);
  text.erase(text.find("\n# ") + 1);
  for (const Command& command : commands()) {
    std::string entry = "\n*glancefs " + std::string(command.name) + "*";
    if (!command.usage.empty()) entry += " " + std::string(command.usage);
    const auto begin = text.find(entry + "\n");
    ASSERT_NE(begin, std::string::npos) << "missing:" << entry;
    const std::string section = text.substr(begin, text.find("\n*glancefs ", begin + 1) - begin);
    for (const CommandOption& option : command.options) {
      std::string row =
          option.letter == '\0' ? "\t" : "\t*-" + std::string(1, option.letter) + "*, ";
      row += "*--" + std::string(option.name) + "*";
      if (!option.value_word.empty()) row += " _" + std::string(option.value_word) + "_";
      EXPECT_THAT(section, HasSubstr(row + "\n")) << entry;
    }
  }
  EXPECT_EQ(lines_beginning(text, "*glancefs "), static_cast<int>(commands().size()))
      << "a command that there is not";
}

TEST(Manual, Conf5ListsEveryOptionOfTheTable) {
  const std::string text = page("glancefs.conf.5");
  const auto secrets = text.find("must not hold secrets");
  ASSERT_NE(secrets, std::string::npos);
  int options = 0;
  for (const Option& row : option_table()) {
    if (row.name == "config") continue;  // cannot stand there
    ++options;
    std::string line = "\n*" + std::string(row.name) + "*";
    if (row.kind != OptionKind::kFlag) line += " = _" + std::string(row.value_word) + "_";
    if (!row.initial.empty()) line += " (default " + std::string(row.initial) + ")";
    EXPECT_TRUE(text.find(line + "++\n") != std::string::npos ||
                text.find(line + "\n") != std::string::npos)
        << "missing:" << line;
    if (row.kind == OptionKind::kSecret) {
      EXPECT_THAT(text.substr(secrets, text.find(")", secrets) - secrets),
                  HasSubstr("*" + std::string(row.name) + "*"));
    }
  }
  const std::string list = text.substr(text.find("# OPTIONS\n"));
  EXPECT_EQ(lines_beginning(list.substr(0, list.find("# EXAMPLES\n")), "*"), options)
      << "an option that there is not";
}

TEST(Manual, Mount8NamesTheChoicesOfEachOption) {
  const std::string text = page("mount.glancefs.8");
  for (const Option& row : option_table()) {
    const auto begin = text.find("\n*" + std::string(row.name) + "*");
    ASSERT_NE(begin, std::string::npos) << row.name;
    const std::string entry = text.substr(begin, text.find("\n\n", begin) - begin);
    std::istringstream words{std::string(row.choices)};
    for (std::string word; words >> word;) {
      if (word == row.initial) continue;
      EXPECT_THAT(entry, HasSubstr(word)) << row.name;
    }
  }
}

}  // namespace
}  // namespace glancefs::fs
