#include "fs/command/config_show.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "fs/mount/option_table.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::fs {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class ConfigShow : public testing::Test {
 protected:
  void SetUp() override {
    write("clouds.yaml",
          "clouds:\n  prod:\n    auth: {auth_url: 'http://ks', username: ann, project_name: p}\n"
          "    verify: false\n    region_name: R1\n"
          "  test:\n    auth: {auth_url: 'http://other', username: bob}\n");
    write("secure.yaml", "clouds: {prod: {auth: {password: geheim}}}\n");
    write("glancefs.conf",
          "os-cloud = prod\ncache-size = 10G\nos-project-name = q\nos-token = geheim\n"
          "[test]\nro\n");
    environment_ = {{"OS_CLIENT_CONFIG_FILE", directory_ / "clouds.yaml"},
                    {"OS_CLIENT_SECURE_FILE", directory_ / "secure.yaml"},
                    {"GLANCEFS_CONFIG", directory_ / "glancefs.conf"},
                    {"GLANCEFS_UPLOADS", "9"}};
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    ASSERT_EQ(::chmod((directory_ / name).c_str(), 0600), 0);
  }
  int call(std::vector<std::string> words) {
    words.insert(words.begin(), {"glancefs", "config", "show"});
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    out_.str("");
    err_.str("");
    return run_command(argv, environment_, directory_.path(), out_, err_).value_or(-1);
  }
  /// "VALUE from ORIGIN", with the test's directory as D.
  std::string shown(const std::string& option) {
    for (const auto& row : nlohmann::json::parse(out_.str())) {
      if (row.at("option") != option) continue;
      std::string origin = row.at("origin");
      const auto at = origin.find(directory_.path());
      if (at != std::string::npos) origin.replace(at, directory_.path().size(), "D");
      return (row.at("value").is_null() ? "null" : row.at("value").get<std::string>()) + " from " +
             origin;
    }
    return "not shown";
  }

  test::TemporaryDirectory directory_;
  Environment environment_;
  std::ostringstream out_, err_;
};

TEST_F(ConfigShow, TellsEachOptionsValueAndOrigin) {
  ASSERT_EQ(call({"-f", "json", "-o", "umask=077,os-region-name=R1"}), 0) << err_.str();
  EXPECT_THAT(err_.str(), IsEmpty());
  EXPECT_EQ(nlohmann::json::parse(out_.str()).size(), option_table().size());
  EXPECT_EQ(shown("os-cloud"), "prod from D/glancefs.conf:1");
  EXPECT_EQ(shown("cache-size"), "10G from D/glancefs.conf:2");
  EXPECT_EQ(shown("os-project-name"), "q from D/glancefs.conf:3");
  EXPECT_EQ(shown("os-token"), "*** from D/glancefs.conf:4");
  EXPECT_EQ(shown("uploads"), "9 from environment GLANCEFS_UPLOADS");
  EXPECT_EQ(shown("umask"), "077 from command line");
  EXPECT_EQ(shown("os-region-name"), "R1 from command line");
  EXPECT_EQ(shown("os-auth-url"), "http://ks from D/clouds.yaml");
  EXPECT_EQ(shown("os-password"), "*** from D/secure.yaml");
  EXPECT_EQ(shown("insecure"), "yes from D/clouds.yaml");
  EXPECT_EQ(shown("ro"), "no from default");
  EXPECT_EQ(shown("verify"), "full from default");
  EXPECT_EQ(shown("visibility"), "null from default");
  EXPECT_EQ(shown("os-user-id"), "null from default");
  EXPECT_THAT(shown("cache-dir"), StartsWith("/"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("geheim")));
}

TEST_F(ConfigShow, OfTheCloudThatIsNamed) {
  ASSERT_EQ(call({"test", "-f", "json"}), 0) << err_.str();
  EXPECT_EQ(shown("os-cloud"), "test from command line");
  EXPECT_EQ(shown("ro"), "yes from D/glancefs.conf:6");
  EXPECT_EQ(shown("os-username"), "bob from D/clouds.yaml");
  EXPECT_EQ(shown("insecure"), "no from default");
}

TEST_F(ConfigShow, OfACloudThatVariablesDescribe) {
  environment_["OS_AUTH_URL"] = "http://env";
  environment_["OS_TENANT_NAME"] = "t";
  environment_["OS_PASSWORD"] = "geheim";
  ASSERT_EQ(call({"-f", "json"}), 0) << err_.str();
  EXPECT_EQ(shown("os-auth-url"), "http://env from environment OS_AUTH_URL");
  EXPECT_EQ(shown("os-project-name"), "t from environment OS_TENANT_NAME");
  EXPECT_EQ(shown("os-password"), "*** from environment OS_PASSWORD");
  EXPECT_EQ(shown("os-cloud"), "null from default");
  EXPECT_THAT(out_.str(), Not(HasSubstr("geheim")));
}

TEST_F(ConfigShow, ColumnsAndTheOtherFormats) {
  ASSERT_EQ(call({"-f", "value", "-c", "option", "-c", "origin"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("\nuploads environment GLANCEFS_UPLOADS\n"));
  ASSERT_EQ(call({"-f", "csv"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("\"option\",\"value\",\"origin\"\n"));
  ASSERT_EQ(call({}), 0);
  EXPECT_THAT(out_.str(), StartsWith("option  "));
}

TEST_F(ConfigShow, SaysWhatIsWrongAndShowsTheRest) {
  EXPECT_EQ(call({"tset"}), 3);
  EXPECT_THAT(out_.str(), HasSubstr("cache-size"));
  EXPECT_THAT(err_.str(), HasSubstr("glancefs: cloud \"tset\" not found"));
  EXPECT_THAT(err_.str(), HasSubstr("  hint: did you mean \"test\"?\n"));
  EXPECT_EQ(call({"-o", "cache-dri=/x"}), 2);
  EXPECT_EQ(err_.str(),
            "glancefs: unknown option \"cache-dri\"\n  hint: did you mean \"cache-dir\"?\n");
  EXPECT_THAT(out_.str(), IsEmpty());
  EXPECT_EQ(call({"a", "b"}), 2);
}

TEST_F(ConfigShow, NamesOfCloudsAreForCompletions) {
  std::vector<std::string> words{"glancefs", "completion", "--clouds"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  EXPECT_EQ(run_command(argv, environment_, "/", out_, err_), 0);
  EXPECT_EQ(out_.str(), "prod\ntest\n");
}

}  // namespace
}  // namespace glancefs::fs
