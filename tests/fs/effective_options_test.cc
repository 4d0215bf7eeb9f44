#include "fs/mount/effective_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "fs/mount/chosen_cloud.h"
#include "fs/mount/option_table.h"
#include "fs/mount/start_error.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::fs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class EffectiveOptions : public testing::Test {
 protected:
  /// A file that counts more than those before it.
  void add_file(const std::string& path, std::string_view text, bool world_readable = true) {
    files_.push_back({path, world_readable, parse_config_file(text, path)});
  }
  ParsedOptions parse(std::string_view list = {}) {
    return effective_options(base_, split_options(list), environment_, "/here",
                             [this](const Options& /*base*/, const std::string& named) {
                               named_ = named;
                               return files_;
                             });
  }
  std::string error_of(std::string_view list = {}) {
    try {
      parse(list);
    } catch (const StartError& e) {
      EXPECT_EQ(e.code(), ExitCode::kUsage);
      return std::string(e.what()) + "|" + e.hint();
    }
    return "no error";
  }

  Options base_ = default_options();
  Environment environment_;
  std::vector<ConfigFile> files_;
  std::string named_;
};

TEST_F(EffectiveOptions, TheCommandLineWinsOverTheEnvironmentAndThatOverFiles) {
  add_file("/etc/a.conf", "connections = 1\nuploads = 1\ntimeout = 1s\nconnect-timeout = 1s\n");
  add_file("/etc/b.conf", "\nconnections = 2\nuploads = 2\ntimeout = 2s\n");
  environment_ = {{"GLANCEFS_CONNECTIONS", "3"}, {"GLANCEFS_UPLOADS", "3"}};
  const ParsedOptions parsed = parse("connections=4");
  EXPECT_EQ(parsed.options.connections, 4U);
  EXPECT_EQ(parsed.options.uploads, 3U);
  EXPECT_EQ(parsed.options.timeout.count(), 2000);
  EXPECT_EQ(parsed.options.connect_timeout.count(), 1000);
  EXPECT_EQ(parsed.settings.at("connections").origin, "command line");
  EXPECT_EQ(parsed.settings.at("uploads").origin, "environment GLANCEFS_UPLOADS");
  EXPECT_EQ(parsed.settings.at("timeout").origin, "/etc/b.conf:4");
  EXPECT_EQ(parsed.settings.at("timeout").value, "2s");
  EXPECT_EQ(parsed.settings.at("connect-timeout").origin, "/etc/a.conf:4");
  EXPECT_FALSE(parsed.settings.contains("metadata-ttl")) << "nobody set it";
}

TEST_F(EffectiveOptions, FlagsAndSpellingsAreThoseOfTheCommandLine) {
  add_file("/f", "allow_other\nnodelete\nread-only = yes\nttl = 5m\nhidden = off");
  const ParsedOptions parsed = parse();
  EXPECT_TRUE(parsed.options.allow_other);
  EXPECT_FALSE(parsed.options.removal);
  EXPECT_TRUE(parsed.options.read_only);
  EXPECT_EQ(parsed.options.metadata_ttl.count(), 300'000);
  EXPECT_EQ(parsed.settings.at("delete").value, "no");
  EXPECT_EQ(parsed.settings.at("hidden").value, "no");
  EXPECT_FALSE(parse("rw,delete").options.read_only);
}

TEST_F(EffectiveOptions, RelativePathsStartWhereTheyAreWritten) {
  environment_ = {{"HOME", "/no-such-home"}};
  add_file("/etc/glancefs/f.conf",
           "cache-dir = cache\nstate-dir = ../state\nlog = log\nos-cacert = ca.pem\n");
  const ParsedOptions parsed = parse("cache-dir=c");
  EXPECT_EQ(parsed.options.cache_directory, "/here/c");
  EXPECT_EQ(parsed.options.state_directory, "/etc/state");
  EXPECT_EQ(parsed.options.log, "/etc/glancefs/log");
  EXPECT_EQ(parsed.options.cloud_defaults.at("OS_CACERT"), "/etc/glancefs/ca.pem");
  files_.clear();
  add_file("/f", "log = syslog\ncache-dir = ~/c");
  EXPECT_EQ(parse().options.log, "syslog");
  EXPECT_EQ(parse().options.cache_directory, effective_user(environment_).home + "/c");
}

TEST_F(EffectiveOptions, LinesForOneCloudCountForItAlone) {
  const std::string text = "[prod]\nconnections = 16\n[test]\nconnections = 2\n";
  add_file("/f", text + "[prod]\nuploads = 2\n");
  files_.front().lines.push_back({{"timeout", "9s"}, "", 99});
  EXPECT_EQ(parse("os-cloud=prod").options.connections, 16U);
  EXPECT_EQ(parse("os-cloud=prod").options.uploads, 2U);
  EXPECT_EQ(parse("os-cloud=test").options.connections, 2U);
  EXPECT_EQ(parse("os-cloud=other").options.connections, 8U);
  EXPECT_EQ(parse("os-cloud=other").options.timeout.count(), 9000);
  EXPECT_EQ(parse("os-cloud=prod,connections=1").options.connections, 1U);
  base_.cloud = "test";
  EXPECT_EQ(parse().options.connections, 2U);
}

TEST_F(EffectiveOptions, OfOneFileTheLinesForOneCloudWinAndOfTwoTheLaterFile) {
  add_file("/a", "[prod]\nconnections = 16\nuploads = 16");
  files_.front().lines.push_back({{"connections", "3"}, "", 9});
  add_file("/b", "uploads = 5");
  EXPECT_EQ(parse("os-cloud=prod").options.connections, 16U);
  EXPECT_EQ(parse("os-cloud=prod").options.uploads, 5U);
}

TEST_F(EffectiveOptions, TheCloudItselfMayBeChosenInAFile) {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "clouds.yaml")
      << "clouds: {prod: {auth: {auth_url: 'http://p', username: u, password: p}}}\n";
  add_file("/f",
           "os-cloud = prod\nos-region-name = R\n[prod]\nconnections = 16\n[envvars]\n"
           "uploads = 7");
  environment_ = {{"OS_CLIENT_CONFIG_FILE", directory / "clouds.yaml"}};
  ParsedOptions parsed = parse();
  EXPECT_EQ(parsed.options.connections, 16U);
  EXPECT_EQ(parsed.options.cloud, "") << "a variable would win";
  EXPECT_EQ(parsed.options.cloud_defaults.at("OS_CLOUD"), "prod");
  EXPECT_EQ(parsed.options.cloud_defaults.at("OS_REGION_NAME"), "R");
  EXPECT_THAT(parsed.options.cloud_overrides, IsEmpty());
  const client::Cloud cloud = load_chosen_cloud(parsed.options, environment_, {}, "/here");
  EXPECT_EQ(cloud.label(), "prod");
  EXPECT_EQ(cloud.region, "R");
  environment_["OS_AUTH_URL"] = "http://other";
  environment_["OS_USERNAME"] = "ann";
  EXPECT_EQ(parse().options.connections, 8U) << "an openrc wins over the file";
  EXPECT_EQ(parse().options.uploads, 7U);
}

TEST_F(EffectiveOptions, MistakesNameFileAndLineAndOneHint) {
  const auto error_in = [this](std::string_view text, bool world_readable = true) {
    files_.clear();
    add_file("/f", text, world_readable);
    return error_of("os-cloud=prod");
  };
  EXPECT_EQ(error_in("\ncache-dri = /x"),
            R"(/f:2: unknown option "cache-dri"|did you mean "cache-dir"?)");
  EXPECT_EQ(error_in("cache-size = 10X"),
            "/f:1: option cache-size=10X: expected a size such as 512M or 10G, or a share such as "
            "80%|");
  EXPECT_EQ(error_in("timeout = 5min"),
            "/f:1: option timeout=5min: expected a time such as 30s, 5m or 500ms|");
  EXPECT_EQ(error_in("timeout"), "/f:1: option timeout: needs a value: timeout=TIME|");
  EXPECT_EQ(error_in("timeout ="), "/f:1: option timeout: needs a value: timeout=TIME|");
  EXPECT_THAT(error_in("nofail"), HasSubstr("/f:1: \"nofail\" is not an option of glancefs|"));
  EXPECT_THAT(error_in("user = ann"), HasSubstr("is not an option"));
  EXPECT_THAT(error_in("suid"), HasSubstr("is not an option"));
  EXPECT_THAT(error_in("remount"), HasSubstr("is not an option"));
  EXPECT_THAT(error_in("config = /g"), HasSubstr("/f:1: option config: cannot stand in"));
  EXPECT_THAT(error_in("[prod]\nos-cloud = b"), HasSubstr("among the lines for one cloud"));
  EXPECT_THAT(error_in("[elsewhere]\nuploads = many"), HasSubstr("/f:2: option uploads=many"));
  EXPECT_EQ(error_in("os-password = geheim"),
            "/f:1: option os-password: everybody can read this file, so it must not hold "
            "secrets|chmod 600 /f");
  EXPECT_EQ(error_in("os-password = geheim", false), "no error");
  EXPECT_EQ(parse().settings.at("os-password").value, "***");
}

TEST_F(EffectiveOptions, ContradictionsSayWhereTheyComeFrom) {
  add_file("/f", "visibility = private\nlog-level = info\ndelete = no");
  EXPECT_EQ(error_of("subdir=public"),
            "option subdir=public: the option visibility excludes it|visibility=private is from "
            "/f:1");
  environment_ = {{"GLANCEFS_REPLACED", "delete"}};
  EXPECT_EQ(error_of(),
            "option replaced=delete: contradicts delete=no|replaced=delete is from environment "
            "GLANCEFS_REPLACED; delete=no is from /f:3");
}

TEST_F(EffectiveOptions, VariablesInFilesCountLessThanTheProcesss) {
  add_file("/f", "env.https_proxy = http://p\nenv.no_proxy = x");
  environment_ = {{"no_proxy", "y"}};
  const ParsedOptions parsed = parse();
  EXPECT_EQ(parsed.options.environment.at("https_proxy"), "http://p");
  EXPECT_FALSE(parsed.options.environment.contains("no_proxy"));
  EXPECT_EQ(parse("env.https_proxy=http://q").options.environment.at("https_proxy"), "http://q");
  files_.clear();
  add_file("/f", "env.OS_USERNAME = ann");
  EXPECT_THAT(error_of(), HasSubstr("/f:1: option env.OS_USERNAME: "));
}

TEST_F(EffectiveOptions, OneFileCanBeNamed) {
  parse("config=/etc/x.conf");
  EXPECT_EQ(named_, "/etc/x.conf");
  parse("config=none");
  EXPECT_EQ(named_, "none");
  environment_ = {{"GLANCEFS_CONFIG", "/etc/y.conf"}};
  parse();
  EXPECT_EQ(named_, "/etc/y.conf");
  if (::geteuid() == 0) {
    EXPECT_THAT(error_of("config=x.conf"), HasSubstr("must be an absolute path for root"));
  } else {
    parse("config=x.conf");
    EXPECT_EQ(named_, "/here/x.conf");
  }
}

TEST_F(EffectiveOptions, SloppyWarnsOfUnknownLinesToo) {
  base_.sloppy = true;
  add_file("/f", "frob = 1");
  EXPECT_THAT(parse().warnings, ElementsAre(R"(/f:1: unknown option "frob" ignored)"));
}

TEST(ReadChosenConfig, ReadsTheNamedFileOrNone) {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "f") << "ro\n";
  EXPECT_THAT(read_chosen_config("none", {}), IsEmpty());
  const auto files = read_chosen_config(directory / "f", {});
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].path, directory / "f");
  EXPECT_THROW(read_chosen_config(directory / "absent", {}), StartError)
      << "only those that nobody named may be absent";
}

}  // namespace
}  // namespace glancefs::fs
