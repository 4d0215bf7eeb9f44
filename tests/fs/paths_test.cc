#include "fs/mount/paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fs/mount/chosen_cloud.h"
#include "fs/mount/option_table.h"
#include "fs/mount/process.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::fs {
namespace {

using test::TemporaryDirectory;

Person me() { return {::geteuid(), "me", "/home/me"}; }

TEST(Paths, RootUsesTheSystemsDirectories) {
  const Person root{0, "root", "/root"};
  const Paths paths = default_paths(root, {{"XDG_CACHE_HOME", "/root"}, {"HOME", "/elsewhere"}});
  EXPECT_EQ(paths.cache, "/var/cache/glancefs");
  EXPECT_EQ(paths.state, "/var/lib/glancefs");
  EXPECT_EQ(paths.runtime, "/run/glancefs");
  EXPECT_EQ(paths.log, "/var/log/glancefs.log");
}

TEST(Paths, OthersUseTheirHomeWhateverHomeSays) {
  const Person ann{123456, "ann", "/home/ann"};
  const Paths paths = default_paths(ann, {{"HOME", "/root"}});
  EXPECT_EQ(paths.cache, "/home/ann/.cache/glancefs");
  EXPECT_EQ(paths.state, "/home/ann/.local/state/glancefs");
  EXPECT_EQ(paths.runtime, "/tmp/glancefs-123456");
  EXPECT_EQ(paths.log, "/home/ann/.local/state/glancefs/log");
}

TEST(Paths, VariablesCountOnlyForTheirOwner) {
  const TemporaryDirectory directory;
  // Owned by whoever runs this test.
  const Environment environment{{"XDG_CACHE_HOME", directory.path() + "/not/made/yet"},
                                {"XDG_STATE_HOME", "relative"},
                                {"XDG_RUNTIME_DIR", directory.path()}};
  const Person stranger{123456, "ann", "/home/ann"};
  EXPECT_EQ(default_paths(stranger, environment).cache, "/home/ann/.cache/glancefs");
  EXPECT_EQ(default_paths(stranger, environment).runtime, "/tmp/glancefs-123456");
  if (::geteuid() == 0 && ::chown(directory.path().c_str(), stranger.uid, 0) != 0) FAIL();
  const Person owner = ::geteuid() == 0 ? stranger : me();
  EXPECT_EQ(default_paths(owner, environment).cache, directory.path() + "/not/made/yet/glancefs");
  EXPECT_EQ(default_paths(owner, environment).state, owner.home + "/.local/state/glancefs");
  EXPECT_EQ(default_paths(owner, environment).runtime, directory.path() + "/glancefs");
}

TEST(Paths, TheUnitsDirectoriesComeFirst) {
  const TemporaryDirectory directory;
  const std::string path = directory.path();
  const Paths paths = default_paths(me(), {{"CACHE_DIRECTORY", path + "/c:" + path + "/d"},
                                           {"STATE_DIRECTORY", path},
                                           {"LOGS_DIRECTORY", path + "/log/"}});
  EXPECT_EQ(paths.cache, path + "/c");
  EXPECT_EQ(paths.state, path);
  EXPECT_EQ(paths.log, path + "/log/glancefs.log");
}

TEST(Paths, Absolute) {
  EXPECT_EQ(absolute_path("a", "/b"), "/b/a");
  EXPECT_EQ(absolute_path("../a/./c/", "/b"), "/a/c");
  EXPECT_EQ(absolute_path("/x//y", "/b"), "/x/y");
  EXPECT_EQ(absolute_path(".", "/b"), "/b");
  EXPECT_EQ(absolute_path("/", "/b"), "/");
}

TEST(Paths, TheSizeOfAFileSystemIsKnownBeforeADirectoryIsMade) {
  const TemporaryDirectory directory;
  EXPECT_GT(filesystem_size(directory.path()), 0U);
  EXPECT_EQ(filesystem_size(directory.path() + "/a/b"), filesystem_size(directory.path()));
}

TEST(Paths, TheEffectiveUserComesFromThePasswordDatabase) {
  const Person person = effective_user({});
  EXPECT_EQ(person.uid, ::geteuid());
  EXPECT_FALSE(person.name.empty());
  EXPECT_TRUE(person.home.starts_with('/'));
  EXPECT_EQ(effective_user({{"HOME", "/nowhere/at/all"}}).home,
            ::geteuid() == 0 ? "/nowhere/at/all" : person.home);
}

TEST(Paths, HomeCountsIfItIsThePersonsOwn) {
  const TemporaryDirectory directory;
  EXPECT_EQ(effective_user({{"HOME", directory.path()}}).home, directory.path());
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a directory away";
  ASSERT_EQ(::chown(directory.path().c_str(), 1, 1), 0);
  EXPECT_NE(effective_user({{"HOME", directory.path()}}).home, directory.path());
}

TEST(Paths, TheLogOpensWhereItIsAsked) {
  const TemporaryDirectory directory;
  Options options = default_options();
  options.log = directory.path() + "/a.log";
  options.log_level = log::Level::kInfo;
  open_log(options, {});
  log::info("hello");
  options.log = "auto";
  options.foreground = true;
  options.log_level = log::Level::kWarning;
  open_log(options, {});
  std::ifstream file(directory.path() + "/a.log");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(text, ::testing::HasSubstr("hello"));
}

TEST(CloudSources, TakeOpenStacksVariablesAndTheOptions) {
  Options options = default_options();
  options.cloud_overrides = {{"OS_REGION_NAME", "R2"}};
  options.cloud_defaults = {{"OS_KEY", "/k"}};
  options.environment = {{"OS_USERNAME", "bob"}, {"https_proxy", "http://p"}};
  const Environment environment = effective_environment(
      {{"OS_USERNAME", "ann"}, {"OS_CACERT", "ca.pem"}, {"PATH", "/bin"}, {"HOME", "/root"}},
      options);
  const auto sources = cloud_sources(options, environment, {123456, "ann", "/home/ann"}, "/here");
  const Environment expected{{"OS_USERNAME", "bob"}, {"OS_CACERT", "/here/ca.pem"}};
  EXPECT_EQ(sources.environment, expected);
  EXPECT_EQ(sources.overrides.at("OS_REGION_NAME"), "R2");
  EXPECT_EQ(sources.configured.at("OS_KEY"), "/k");
  EXPECT_EQ(sources.home, "/home/ann");
  EXPECT_TRUE(sources.current_directory);
}

TEST(CloudSources, AFileLyingAroundIsNotForRootNorForMount) {
  const Options options = default_options();
  const Environment shell{{"HOME", "/x"}};
  EXPECT_FALSE(cloud_sources(options, shell, {0, "root", "/root"}, "/").current_directory);
  EXPECT_FALSE(cloud_sources(options, {}, {123456, "ann", "/x"}, "/").current_directory);
}

}  // namespace
}  // namespace glancefs::fs
