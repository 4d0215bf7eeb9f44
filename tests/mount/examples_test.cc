// The documents say what happens: every example in them, on a fresh mount.
#include "tests/mount/examples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kDocuments = GLANCEFS_DOCUMENTS;
const std::string kPrograms = std::filesystem::path(GLANCEFS_PROGRAM).parent_path();

/// Where there is a directory with the openrc files admin, demo and other of a real cloud, and a
/// file glance with the URL, all runs there; empty: on the development cloud.
std::string real_cloud() {
  const char* directory = std::getenv("GLANCEFS_REAL_OPENRC");
  return directory == nullptr ? "" : directory;
}

/// The pages, by their names without ".md".
std::vector<std::string> pages() {
  std::vector<std::string> names{"../README", "SEMANTICS", "recipes"};
  for (const auto& file : std::filesystem::directory_iterator(kDocuments + "/semantics")) {
    names.push_back("semantics/" + file.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

class Examples : public MountedCloud, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    MountedCloud::SetUp();
    if (IsSkipped()) return;
    std::vector<std::string> needs{"curl",   "fallocate", "flock",   "getfattr",
                                   "lsattr", "python3",   "qemu-img"};
    if (GetParam() == "recipes") {
      needs.insert(needs.end(), {"debugfs", "nbdcopy", "nbdinfo", "nbdkit", "qemu-io", "rsync"});
    }
    for (const std::string& need : needs) {
      if (sh("command -v " + need).code != 0) GTEST_SKIP() << need << " is not installed";
    }
    if (real_cloud().empty()) {
      for (const auto& account : {cloud_.admin(), cloud_.demo(), cloud_.other()}) {
        std::string lines;
        for (const auto& [name, value] : openrc(account)) {
          lines += fmt::format("export {}='{}'\n", name, value);
        }
        for (const char* end : {"", "-openrc"}) {
          write_file(accounts_ + "/" + account.user_name + end, lines);
        }
      }
      write_file(accounts_ + "/glance", cloud_.glance_url() + "\n");
    } else {
      std::filesystem::copy(real_cloud(), accounts_);
      std::filesystem::copy(real_cloud() + "/demo", accounts_ + "/demo-openrc");
    }
    page_ = parse_page(read_file(kDocuments + "/" + GetParam() + ".md"), !real_cloud().empty());
    if (page_.sessions.empty()) return;
    const Result made = run(GLANCEFS_MAKE_IMAGES " " + accounts_, {}, std::chrono::seconds(60));
    ASSERT_EQ(made.code, 0) << made.output;
  }

  // What a page that went wrong has left mounted besides.
  void TearDown() override {
    sh("findmnt -rno TARGET | grep \"^$D/\" | grep -vx \"$M\" | tac | xargs -r umount -l");
  }

  void mount_session(const Session& session) {
    if (daemon_ && sh("mountpoint -q $M").code == 0) {
      unmount();
    } else if (daemon_) {  // an example has unmounted it
      EXPECT_EQ(daemon_->wait(), 0) << daemon_->output();
      daemon_.reset();
    }
    if (!session.mounted) return;
    std::istringstream lines(
        run(". " + accounts_ + "/" + session.account + "; env | grep ^OS_").output);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t equals = line.find('=');
      daemon_environment_[line.substr(0, equals)] = line.substr(equals + 1);
    }
    mount(session.options);
  }

  std::string run_session(const Session& session) {
    const Result result = run("exec bash -c \"$SCRIPT\" bash </dev/null",
                              {{"SCRIPT", script_of(session)},
                               {"HOME", directory_.path()},
                               {"PATH", kPrograms + ":" + std::getenv("PATH")},
                               {"GLANCEFS_CONFIG", "none"},
                               {"GLANCEFS_CACHE_DIR", directory_ / "cache"},
                               {"GLANCEFS_STATE_DIR", directory_ / "state"},
                               {"LC_ALL", "C"}},
                              std::chrono::seconds(60));
    return compare(session, result.output);
  }

  Page page_;
  const std::string accounts_ = directory_.path();  ///< so that pages find them in ~
};

TEST_P(Examples, AreTrue) {
  for (const Session& session : page_.sessions) {
    mount_session(session);
    const std::string differences = run_session(session);
    EXPECT_EQ(differences, "") << GetParam() << ".md";
  }
}

std::string name_of(const testing::TestParamInfo<std::string>& each) {
  if (each.param.starts_with("../")) return "front_page";
  return std::filesystem::path(each.param).filename();
}
INSTANTIATE_TEST_SUITE_P(Page, Examples, testing::ValuesIn(pages()), name_of);

std::string text_of(const std::string& page) {
  std::ostringstream text;
  text << std::ifstream(kDocuments + "/" + page + ".md").rdbuf();
  return text.str();
}

TEST(ExamplePages, ShowEveryOperation) {
  std::set<std::string> shown;
  for (const std::string& page : pages()) {
    for (const std::string& heading : parse_page(text_of(page), false).illustrated) {
      shown.insert(heading);
    }
  }
  const auto operations = operations_of(text_of("SEMANTICS"));
  EXPECT_GT(operations.size(), 30U);
  for (const std::string& operation : operations) {
    EXPECT_TRUE(shown.contains(operation))
        << "no page of doc/semantics has a heading with examples: ## " << operation;
  }
}

TEST(ExamplePages, AreReadAsTheirHeaderSays) {
  const std::string page =
      "# Title\n```console setup\n$ a=1\n```\n## One\ntext\n```console\n$ echo $a\n1\n$ false \\\n"
      "> --really\n[1]\n```\n```console -o ro,ttl=3\n$ true\n```\n## Two\n```console remount -o "
      "ro,ttl=3\n$ x\n…\n```\n```console as admin -o ro,ttl=3\n$ y\n```\n";
  const Page parsed = parse_page(page, false);
  EXPECT_THAT(parsed.illustrated, ElementsAre("One", "Two"));
  ASSERT_EQ(parsed.sessions.size(), 4U);
  ASSERT_EQ(parsed.sessions[0].examples.size(), 3U);
  EXPECT_EQ(parsed.sessions[0].examples[0].command, "a=1");
  EXPECT_EQ(parsed.sessions[0].examples[1].expected, "1\n");
  EXPECT_EQ(parsed.sessions[0].examples[2].command, "false \\\n--really");
  EXPECT_EQ(parsed.sessions[0].examples[2].code, 1);
  EXPECT_EQ(parsed.sessions[0].examples[2].line, 10U);
  EXPECT_EQ(parsed.sessions[1].options, "ro,ttl=3");
  EXPECT_EQ(parsed.sessions[2].examples[0].command, "a=1");
  EXPECT_EQ(parsed.sessions[2].account, "demo");
  EXPECT_EQ(parsed.sessions[3].account, "admin");
}

TEST(ExamplePages, WithMistakesAreRefused) {
  for (const char* page :
       {"```console\noutput\n```\n", "```console\n$ a\n", "```console what\n$ a\n```\n",
        "```console as\n$ a\n```\n", "```console\n$ a\n[1]\nmore\n```\n",
        "```console devcloud\n$ a\n```\n"}) {
    EXPECT_THROW(parse_page(page, false), std::system_error) << page;
  }
}

TEST(ExamplePages, SayWhatARealCloudIsSpared) {
  const std::string page =
      "Development cloud only: it fails.\n\n```console devcloud\n$ a\n```\n```console\n$ b\n```\n";
  EXPECT_EQ(parse_page(page, false).sessions.at(0).examples.size(), 2U);
  EXPECT_EQ(parse_page(page, true).sessions.at(0).examples.size(), 1U);
}

TEST(ExamplePages, CompareWithWildcards) {
  EXPECT_TRUE(matches("", ""));
  EXPECT_TRUE(matches("id …-…-… ok\n", "id 1-2-3-4 ok\n"));
  EXPECT_TRUE(matches("…\n", "a\nb\n"));
  EXPECT_TRUE(matches("a\n…\nc\n", "a\nc\n"));
  EXPECT_TRUE(matches("a\n…\nc\n", "a\nb\nb\nc\n"));
  EXPECT_FALSE(matches("a\n…\nc\n", "a\nb\n"));
  EXPECT_FALSE(matches("", "a\n"));
  EXPECT_FALSE(matches("a\n", ""));
  EXPECT_FALSE(matches("a…\n", "ba\n"));
  EXPECT_FALSE(matches("…a\n", "ab\n"));
}

TEST(ExamplePages, ThatGoOtherwiseAreTold) {
  const Session session =
      parse_page("```console\n$ echo a\na\n$ false\n[1]\n```\n", false).sessions.at(0);
  EXPECT_THAT(compare(session,
                      "a\n\x1e"
                      "0\n\x1e"
                      "1\n"),
              IsEmpty());
  EXPECT_THAT(compare(session,
                      "a\x1e"
                      "0\n\x1e"
                      "1\n"),
              IsEmpty());
  EXPECT_THAT(compare(session,
                      "b\n\x1e"
                      "0\n\x1e"
                      "1\n"),
              HasSubstr("line 2"));
  EXPECT_THAT(compare(session,
                      "a\n\x1e"
                      "0\n\x1e"
                      "0\n"),
              HasSubstr("line 4"));
  EXPECT_THAT(compare(session,
                      "a\n\x1e"
                      "0\noops"),
              HasSubstr("the shell ended:\noops"));
}

TEST(ExamplePages, NameTheRowsOfTheTable) {
  EXPECT_THAT(
      operations_of("## Files\n| x | y |\n## Operations\n\n| operation | what |\n|---|---|\n| "
                    "stat, ls | memory |\n| … with `a|b` | c |\n## More\n| z | z |\n"),
      ElementsAre("stat, ls", "… with `a|b`"));
}

}  // namespace
}  // namespace glancefs::mount_test
