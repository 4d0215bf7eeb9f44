#include "fs/mount/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "fs/mount/start_error.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::fs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// "number section name=value" of each line.
std::vector<std::string> parsed(std::string_view text) {
  std::vector<std::string> lines;
  for (const ConfigLine& line : parse_config_file(text, "/f")) {
    lines.push_back(fmt::format("{} [{}] {}", line.number, line.section, line.word.name));
    if (line.word.value) lines.back() += "=" + *line.word.value;
  }
  return lines;
}

std::string error_of(std::string_view text) {
  try {
    parse_config_file(text, "/f");
  } catch (const StartError& e) {
    EXPECT_EQ(e.code(), ExitCode::kUsage);
    return e.what();
  }
  return "no error";
}

TEST(ConfigText, LinesSectionsAndComments) {
  EXPECT_THAT(parsed("# all clouds\n"
                     "cache-dir = /c\n"
                     "\n"
                     "  ro  # a flag\r\n"
                     "[prod]   # one cloud\n"
                     "connections=16\n"
                     "[ second cloud ]\n"
                     "log-level =debug"),
              ElementsAre("2 [] cache-dir=/c", "4 [] ro", "6 [prod] connections=16",
                          "8 [second cloud] log-level=debug"));
  EXPECT_THAT(parsed(""), IsEmpty());
  EXPECT_THAT(parsed("\n#x"), IsEmpty());
}

TEST(ConfigText, ValuesQuotedOrNot) {
  EXPECT_THAT(parsed("a = b c=d,e\n"
                     "a = b#c # d\n"
                     "a = \" # \\\"b\\\" \\\\ \\n\" # d\n"
                     "a = \"\"\n"
                     "a =\n"
                     "a = b\"c"),
              ElementsAre("1 [] a=b c=d,e", "2 [] a=b#c", "3 [] a= # \"b\" \\ \\n",
                          "4 [] a=", "5 [] a=", "6 [] a=b\"c"));
}

TEST(ConfigText, MistakesNameTheirLine) {
  EXPECT_EQ(error_of("ro\ncache-dir /c\n"), "/f:2: expected OPTION = VALUE");
  EXPECT_EQ(error_of("= x"), "/f:1: expected OPTION = VALUE");
  EXPECT_EQ(error_of("[prod"), "/f:1: expected [CLOUD]");
  EXPECT_EQ(error_of("[]"), "/f:1: expected [CLOUD]");
  EXPECT_EQ(error_of("[a] b"), "/f:1: expected [CLOUD]");
  EXPECT_EQ(error_of("a = \"b"), "/f:1: a quote is not closed");
  EXPECT_EQ(error_of("a = \"b\\\""), "/f:1: a quote is not closed");
  EXPECT_EQ(error_of("a = \"b\" c"), "/f:1: something follows the closing quote");
  EXPECT_EQ(error_of(std::string_view("a\0b", 3)), "/f: not a text file");
}

class ConfigFiles : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0644) {
    const std::string path = directory_ / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  std::string error_of(const std::string& path) {
    try {
      read_config_file(path);
    } catch (const StartError& e) {
      EXPECT_EQ(e.code(), ExitCode::kUsage);
      return std::string(e.what()) + "|" + e.hint();
    }
    return "no error";
  }

  test::TemporaryDirectory directory_;
};

TEST_F(ConfigFiles, AreReadFromTheSystemToThePerson) {
  write("etc/glancefs.conf", "ro");
  write("etc/conf.d/20-b.conf", "ro");
  write("etc/conf.d/10-a.conf", "ro", 0600);
  write("etc/conf.d/30-c.conf~", "nonsense here");
  write("etc/conf.d/.40.conf", "nonsense here");
  write("home/glancefs.conf", "ro");
  std::vector<std::string> paths;
  for (const ConfigFile& file : read_config_files({directory_ / "etc", directory_ / "home"})) {
    paths.push_back(file.path.substr(directory_.path().size()));
    EXPECT_EQ(file.world_readable, !file.path.ends_with("10-a.conf"));
    EXPECT_EQ(file.lines.size(), 1U);
  }
  EXPECT_THAT(paths, ElementsAre("/etc/glancefs.conf", "/etc/conf.d/10-a.conf",
                                 "/etc/conf.d/20-b.conf", "/home/glancefs.conf"));
  EXPECT_THAT(read_config_files({directory_ / "no", directory_ / "etc/glancefs.conf"}), IsEmpty());
}

TEST_F(ConfigFiles, ThatCannotBeTrustedOrReadAreRefused) {
  EXPECT_EQ(error_of(directory_ / "no"), (directory_ / "no") + ": No such file or directory|");
  EXPECT_EQ(error_of(directory_.path()), directory_.path() + ": not a file|");
  const std::string open = write("open.conf", "ro", 0666);
  EXPECT_EQ(error_of(open), open + ": everybody can write it, so it is not read|chmod o-w " + open);
  EXPECT_THAT(error_of(write("long.conf", std::string(2 << 20, '#'))), HasSubstr("longer than"));
  const std::string fifo = directory_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(error_of(fifo), fifo + ": not a file|") << "and it does not wait for a writer";
}

TEST(ConfigPlaces, FollowThePersonAndNotHerVariables) {
  const ConfigPlaces places =
      config_places({123456, "ann", "/home/ann"}, {{"XDG_CONFIG_HOME", "/tmp"}});
  EXPECT_EQ(places.system, "/etc/glancefs");
  EXPECT_EQ(places.person, "/home/ann/.config/glancefs") << "/tmp is not hers";
  const test::TemporaryDirectory own;
  EXPECT_EQ(config_places({::getuid(), "me", "/"}, {{"XDG_CONFIG_HOME", own.path()}}).person,
            own / "glancefs");
}

}  // namespace
}  // namespace glancefs::fs
