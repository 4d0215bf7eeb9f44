// The completions, as the shells themselves take them.
#include "fs/command/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fs/mount/option_table.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::fs {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::UnorderedElementsAre;

/// What `command` prints; its exit code goes to `code`.
std::string output_of(const std::string& command, int* code = nullptr) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen");
  std::string text;
  std::array<char, 4096> piece{};
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), pipe)) {
    text.append(piece.data(), got);
  }
  const int status = ::pclose(pipe);
  if (code != nullptr) *code = status;
  return text;
}

bool have(const std::string& program) {
  int code = 0;
  output_of("command -v " + program, &code);
  return code == 0;
}

class Completion : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(directory_ / "bash") << bash_completion();
    std::ofstream(directory_ / "zsh") << zsh_completion();
    std::ofstream(directory_ / "fish") << fish_completion();
  }
  /// What bash offers at the end of `line`. Words are cut as readline does.
  std::vector<std::string> bash(const std::string& line) {
    std::ofstream(directory_ / "ask")
        << "cd " << directory_.path() << "\n"
        << "glancefs() { [ \"$*\" = 'completion --clouds' ] && printf 'prod\\ntest\\n'; }\n"
        << "source " << directory_ / "bash"
        << "\n"
        << "COMP_LINE='" << line << "' COMP_POINT=" << line.size() << "\n"
        << "read -ra COMP_WORDS <<<\"${COMP_LINE//=/ = }\"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
        << "_glancefs\n"
        << "for word in \"${COMPREPLY[@]}\"; do printf '%s\\n' \"$word\"; done\n";
    std::istringstream text(output_of("bash --norc " + (directory_ / "ask")));
    std::vector<std::string> words;
    for (std::string word; std::getline(text, word);) words.push_back(word);
    return words;
  }
  void expect_syntax(const std::string& shell) {
    if (!have(shell)) GTEST_SKIP() << shell << " is not installed";
    int code = 0;
    EXPECT_EQ(output_of(shell + " -n " + (directory_ / shell), &code), "");
    EXPECT_EQ(code, 0);
  }

  test::TemporaryDirectory directory_;
};

TEST_F(Completion, BashTakesTheScript) { expect_syntax("bash"); }
TEST_F(Completion, ZshTakesTheScript) { expect_syntax("zsh"); }
TEST_F(Completion, FishTakesTheScript) { expect_syntax("fish"); }

TEST_F(Completion, BashOffersCommandsAndTheirWords) {
  std::vector<std::string> commands_there = bash("glancefs ");
  EXPECT_THAT(commands_there, IsSupersetOf({"mount", "help", "version", "config", "completion"}));
  EXPECT_THAT(bash("glancefs conf"), ElementsAre("config"));
  EXPECT_THAT(bash("glancefs config "), Contains("show"));
  EXPECT_THAT(bash("glancefs config show "), UnorderedElementsAre("prod", "test"));
  EXPECT_THAT(bash("glancefs config show --"), IsSupersetOf({"--options", "--format", "--column"}));
  EXPECT_THAT(bash("glancefs config show -f "),
              UnorderedElementsAre("table", "json", "value", "csv"));
  EXPECT_THAT(bash("glancefs config show prod -o cache-d"), ElementsAre("cache-dir="));
  EXPECT_THAT(bash("glancefs completion "), UnorderedElementsAre("bash", "zsh", "fish"));
  EXPECT_THAT(bash("glancefs help "), IsSupersetOf({"mount", "config"}));
  for (const Command& command : commands()) {
    const std::string name(command.name);
    EXPECT_THAT(bash("glancefs " + name + " --"), Contains("--help")) << name;
    for (const CommandOption& option : command.options) {
      EXPECT_THAT(bash("glancefs " + name + " --"), Contains("--" + std::string(option.name)));
    }
  }
}

TEST_F(Completion, BashOffersMountOptionsWithinTheirList) {
  for (const std::string program : {"mount.glancefs", "/sbin/mount.glancefs", "glancefs mount"}) {
    EXPECT_THAT(bash(program + " prod /mnt -o cache-d"), ElementsAre("cache-dir=")) << program;
    EXPECT_THAT(bash(program + " -o ro,cache_d"), ElementsAre("ro,cache-dir="));
    EXPECT_THAT(bash(program + " -o ro,verify="), ElementsAre("full", "later", "strict"));
    EXPECT_THAT(bash(program + " -o ro,verify=l"), ElementsAre("later"));
    EXPECT_THAT(bash(program + " -o umask=022,allow"), Contains("022,allow-other"));
    EXPECT_THAT(bash(program + " --cache-s"), ElementsAre("--cache-size="));
    EXPECT_THAT(bash(program + " --log-level=d"), ElementsAre("debug"));
    EXPECT_THAT(bash(program + " --os-cloud=p"), ElementsAre("prod"));
    EXPECT_THAT(bash(program + " -o cloud=p"), ElementsAre("prod"));
    EXPECT_THAT(bash(program + " te"), ElementsAre("test"));
  }
  for (const Option& row : option_table()) {
    const std::string name(row.name);
    const std::string whole = name + (row.kind == OptionKind::kFlag ? "" : "=");
    EXPECT_THAT(bash("mount.glancefs -o " + name), Contains(whole));
    EXPECT_THAT(bash("mount.glancefs --" + name), Contains("--" + whole));
  }
}

TEST_F(Completion, BashOffersFilesAndUsers) {
  std::filesystem::create_directory(directory_ / "cache");
  EXPECT_THAT(bash("mount.glancefs -o cache-dir=c"), ElementsAre("cache"));
  EXPECT_THAT(bash("mount.glancefs -o os-cacert=fi"), ElementsAre("fish"));
  EXPECT_THAT(bash("mount.glancefs -o log=sy"), ElementsAre("syslog"));
  EXPECT_THAT(bash("mount.glancefs -o uid=roo"), ElementsAre("root"));
  EXPECT_THAT(bash("mount.glancefs prod c"), ElementsAre("cache"));
  EXPECT_THAT(bash("mount.glancefs -o os-password="), IsEmpty());
}

TEST_F(Completion, FishOffersTheSame) {
  if (!have("fish")) GTEST_SKIP() << "fish is not installed";
  const auto fish = [this](const std::string& line) {
    return output_of("HOME=" + directory_.path() + " fish --no-config -c 'source " +
                     (directory_ / "fish") + "; complete -C \"" + line + "\"'");
  };
  EXPECT_THAT(fish("glancefs conf"), HasSubstr("config"));
  EXPECT_THAT(fish("glancefs config "), HasSubstr("show"));
  EXPECT_THAT(fish("glancefs config show --f"), HasSubstr("--format"));
  EXPECT_THAT(fish("glancefs config show --"), Not(HasSubstr("--cache-dir")));
  EXPECT_THAT(fish("mount.glancefs --cache-d"), HasSubstr("--cache-dir"));
  EXPECT_THAT(fish("glancefs mount --verify="), AllOf(HasSubstr("later"), HasSubstr("strict")));
  EXPECT_THAT(fish("mount.glancefs -o ro,verify=l"), HasSubstr("ro,verify=later"));
  EXPECT_THAT(fish("glancefs completion b"), HasSubstr("bash"));
}

// zsh's own functions only print here what they are given.
TEST_F(Completion, ZshIsToldTheSame) {
  if (!have("zsh")) GTEST_SKIP() << "zsh is not installed";
  const auto zsh = [this](const std::string& words, int current) {
    std::ofstream(directory_ / "ask")
        << "_call_program() { [[ \"$*\" == *'completion --clouds'* ]] && print 'prod\ntest'; }\n"
        << "compadd() { [[ $1 == -a ]] && print -l -- ${(P)2} || print -l -- $@; }\n"
        << "_describe() { print -l -- ${(P)2}; }\n_files() { print files; }\n"
        << "_arguments() { print -l -- $@; }\n_values() { print -l -- $@; }\n"
        << "service=${1##*/} words=(" << words << ") CURRENT=" << current << "\n"
        << "source " << directory_ / "zsh"
        << "\n_glancefs_places\n_glancefs_options\n";
    return output_of("zsh -f " + (directory_ / "ask") + " " + words.substr(0, words.find(' ')));
  };
  const std::string commands_there = zsh("glancefs ''", 2);
  EXPECT_THAT(commands_there, HasSubstr("config:show\n"));
  EXPECT_THAT(commands_there, HasSubstr("\nprod\ntest\nfiles\n"));
  EXPECT_THAT(commands_there, HasSubstr("\nverify["));
  EXPECT_THAT(commands_there, HasSubstr(":WHEN:(full later strict)\n"));
  EXPECT_THAT(zsh("glancefs config ''", 3), HasSubstr("show\n"));
  EXPECT_THAT(zsh("glancefs config show ''", 4),
              AllOf(HasSubstr("*--format=["), Not(HasSubstr("--cache-dir"))));
  EXPECT_THAT(zsh("glancefs mount ''", 3), HasSubstr("--cache-dir=["));
  EXPECT_THAT(zsh("mount.glancefs ''", 2), HasSubstr("--cache-dir=["));
}

TEST_F(Completion, EveryScriptNamesEveryOptionAndCommand) {
  for (const std::string& script : {bash_completion(), zsh_completion(), fish_completion()}) {
    for (const Option& row : option_table()) EXPECT_THAT(script, HasSubstr(std::string(row.name)));
    for (const Command& command : commands()) {
      EXPECT_THAT(script, HasSubstr(std::string(command.name)));
    }
  }
}

}  // namespace
}  // namespace glancefs::fs
