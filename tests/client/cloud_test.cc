#include "client/cloud.h"

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"

namespace glancefs::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kTwoClouds = R"(
clouds:
  prod:
    auth: {auth_url: "https://prod:5000/v3", username: ann, password: pw, project_name: demo}
    region_name: R1
  test:
    auth: {auth_url: "https://test:5000", username: bob, password: pw, project_id: p2,
           user_domain_name: Users}
    verify: false
)";

class LoadCloudTest : public testing::Test {
 protected:
  LoadCloudTest() {
    std::filesystem::create_directories(directory_ / "home/.config/openstack");
    std::filesystem::create_directories(directory_ / "etc");
    sources_.home = directory_ / "home";
    sources_.system_directories = {directory_ / "etc"};
  }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    std::filesystem::permissions(directory_ / name, std::filesystem::perms::owner_read |
                                                        std::filesystem::perms::owner_write);
  }

  Cloud load(const std::string& name = "") { return load_cloud(name, sources_); }

  // The error's text and its hint.
  std::string failure(const std::string& name = "") {
    try {
      load(name);
    } catch (const CloudError& error) {
      return std::string(error.what()) + " | " + error.hint();
    }
    return "no error";
  }

  void set(std::map<std::string, std::string> environment) {
    sources_.environment = std::move(environment);
  }

  test::TemporaryDirectory directory_;
  CloudSources sources_;
};

TEST_F(LoadCloudTest, ByName) {
  write("etc/clouds.yaml", kTwoClouds);
  const Cloud prod = load("prod");
  EXPECT_EQ(prod.label(), "prod");
  EXPECT_EQ(prod.auth_url, "https://prod:5000/v3");
  EXPECT_EQ(prod.user.name, "ann");
  EXPECT_EQ(prod.user.domain_id, "default") << "Keystone refuses a name without a domain";
  EXPECT_EQ(prod.project.name, "demo");
  EXPECT_EQ(prod.region, "R1");
  EXPECT_TRUE(prod.verify);
  EXPECT_THAT(prod.interfaces, ElementsAre("public"));
  const Cloud test = load("test");
  EXPECT_FALSE(test.verify);
  EXPECT_EQ(test.user.domain_name, "Users");
  EXPECT_EQ(test.project.id, "p2");
}

TEST_F(LoadCloudTest, UnknownName) {
  write("etc/clouds.yaml", kTwoClouds);
  EXPECT_EQ(failure("prdo"), "cloud \"prdo\" not found in " + (directory_ / "etc/clouds.yaml") +
                                 " (has: prod, test) | did you mean \"prod\"?");
  EXPECT_THAT(failure("zzzzzz"), testing::EndsWith("(has: prod, test) | "));
}

TEST_F(LoadCloudTest, NothingConfigured) {
  EXPECT_THAT(failure(), testing::StartsWith("no cloud given: set OS_CLOUD or OS_AUTH_URL, or name "
                                             "a cloud: mount.glancefs CLOUD /mnt/images"));
  EXPECT_THAT(failure(), HasSubstr((directory_ / "etc/clouds.yaml") + ": not found"));
  EXPECT_THAT(failure("prod"), HasSubstr("there is no clouds.yaml"));
}

TEST_F(LoadCloudTest, TheOnlyOneNeedsNoName) {
  write("etc/clouds.yaml", kTwoClouds);
  EXPECT_THAT(failure(), HasSubstr("none was chosen"));
  write("etc/clouds.yaml",
        "clouds: {one: {auth: {auth_url: 'http://h', username: u, password: p}}}");
  EXPECT_EQ(load().name, "one");
}

TEST_F(LoadCloudTest, TheFirstDirectoryCountsAlone) {
  write("etc/clouds.yaml", kTwoClouds);
  write("home/.config/openstack/clouds.yaml",
        "clouds: {mine: {auth: {auth_url: 'http://h', username: u, password: p}}}");
  EXPECT_EQ(load().name, "mine");
  EXPECT_THAT(failure("prod"), HasSubstr("(has: mine)"));
  set({{"OS_CLIENT_CONFIG_FILE", directory_ / "etc/clouds.yaml"}});
  EXPECT_EQ(load("prod").name, "prod");
}

TEST_F(LoadCloudTest, SecureIsMergedOnTop) {
  write("etc/clouds.yaml", "clouds: {a: {auth: {auth_url: 'http://h', username: u}}}");
  EXPECT_THAT(failure("a"), HasSubstr("a: no password given"));
  write("home/.config/openstack/secure.yaml", "clouds: {a: {auth: {password: pw}}}");
  EXPECT_EQ(load("a").password, "pw");
  EXPECT_EQ(load("a").user.name, "u");
}

TEST_F(LoadCloudTest, Profiles) {
  write("etc/clouds.yaml",
        "clouds: {a: {profile: vendor, auth: {username: u, password: p}}, b: {profile: nobody}}");
  write("etc/clouds-public.yaml",
        "public-clouds: {vendor: {auth: {auth_url: 'http://v', username: x}, region-name: R}}");
  EXPECT_EQ(load("a").auth_url, "http://v");
  EXPECT_EQ(load("a").user.name, "u");
  EXPECT_EQ(load("a").region, "R");
  EXPECT_THAT(failure("b"), HasSubstr("profile \"nobody\" is not in clouds-public.yaml"));
}

TEST_F(LoadCloudTest, SourcedOpenrc) {
  write("etc/clouds.yaml", kTwoClouds);
  set({{"OS_AUTH_URL", "http://ks:5000/v3"},
       {"OS_USERNAME", "ann"},
       {"OS_PASSWORD", "pw"},
       {"OS_PROJECT_NAME", "demo"},
       {"OS_USER_DOMAIN_NAME", "Default"},
       {"OS_PROJECT_DOMAIN_NAME", "Other"},
       {"OS_REGION_NAME", "R9"},
       {"OS_INTERFACE", "internal"},
       {"OS_CACERT", "~/ca.pem"},
       {"OS_IDENTITY_API_VERSION", "3"},
       {"OS_TENANT_ID", ""}});
  const Cloud cloud = load();
  EXPECT_EQ(cloud.name, "envvars");
  EXPECT_EQ(cloud.label(), "ks:5000");
  EXPECT_EQ(cloud.user.domain_name, "Default");
  EXPECT_EQ(cloud.project.domain_name, "Other");
  EXPECT_EQ(cloud.region, "R9");
  EXPECT_THAT(cloud.interfaces, ElementsAre("internal"));
  EXPECT_EQ(cloud.ca_file, sources_.home + "/ca.pem");
}

TEST_F(LoadCloudTest, OsCloudMakesOtherVariablesCountForNothing) {
  write("etc/clouds.yaml", kTwoClouds);
  set({{"OS_CLOUD", "prod"},
       {"OS_USERNAME", "eve"},
       {"OS_AUTH_URL", "http://evil"},
       {"OS_REGION_NAME", "R2"}});
  const Cloud cloud = load();
  EXPECT_EQ(cloud.user.name, "ann");
  EXPECT_EQ(cloud.auth_url, "https://prod:5000/v3");
  EXPECT_EQ(cloud.region, "R1");
}

TEST_F(LoadCloudTest, MountOptionsWinOverEverything) {
  write("etc/clouds.yaml", kTwoClouds);
  sources_.overrides = {{"OS_PROJECT_NAME", "other"}, {"OS_INTERFACE", "internal,public"}};
  const Cloud cloud = load("prod");
  EXPECT_EQ(cloud.project.name, "other");
  EXPECT_THAT(cloud.interfaces, ElementsAre("internal", "public"));
  sources_.overrides = {{"OS_CLOUD", "test"}};
  set({{"OS_CLOUD", "prod"}});
  EXPECT_EQ(load().name, "test");
}

TEST_F(LoadCloudTest, Regions) {
  write("etc/clouds.yaml", R"(
clouds:
  a:
    auth: {auth_url: "http://{region_name}.example", username: u, password: p}
    regions: [R1, {name: R2, values: {interface: internal, auth: {project_name: two}}}]
)");
  EXPECT_EQ(load("a").auth_url, "http://R1.example");
  set({{"OS_REGION_NAME", "R2"}});
  const Cloud two = load("a");
  EXPECT_EQ(two.auth_url, "http://R2.example");
  EXPECT_EQ(two.project.name, "two");
  EXPECT_EQ(two.user.name, "u");
  EXPECT_THAT(two.interfaces, ElementsAre("internal"));
  set({{"OS_REGION_NAME", "R3"}});
  EXPECT_EQ(load("a").region, "R1") << "meant for another cloud";
  sources_.overrides = {{"OS_REGION_NAME", "R3"}};
  EXPECT_THAT(failure("a"), HasSubstr("region \"R3\" is not one of its regions (has: R1, R2)"));
}

TEST_F(LoadCloudTest, WordsForTrueAndFalse) {
  const auto cloud_with = [this](const std::string& line) {
    write("etc/clouds.yaml",
          "clouds: {a: {auth: {auth_url: 'http://h', username: u, password: p}, " + line + "}}");
    return load("a");
  };
  EXPECT_FALSE(cloud_with("verify: 'false'").verify);
  EXPECT_FALSE(cloud_with("insecure: 'yes'").verify);
  EXPECT_FALSE(cloud_with("insecure: 1").verify);
  EXPECT_FALSE(cloud_with("insecure: true, verify: true").verify);
  EXPECT_TRUE(cloud_with("insecure: no").verify);
  EXPECT_EQ(cloud_with("verify: /etc/ca.pem").ca_file, "/etc/ca.pem");
  EXPECT_EQ(cloud_with("cacert: /etc/ca.pem").ca_file, "/etc/ca.pem");
  EXPECT_THAT([&] { cloud_with("insecure: perhaps"); }, testing::Throws<CloudError>());
}

TEST_F(LoadCloudTest, ApplicationCredential) {
  set({{"OS_AUTH_TYPE", "v3applicationcredential"},
       {"OS_AUTH_URL", "http://h"},
       {"OS_APPLICATION_CREDENTIAL_ID", "i"},
       {"OS_APPLICATION_CREDENTIAL_SECRET", "s"},
       {"OS_PROJECT_NAME", "ignored"}});
  const Cloud cloud = load();
  EXPECT_EQ(cloud.auth_type, AuthType::kApplicationCredential);
  EXPECT_TRUE(cloud.project.empty()) << "Keystone refuses a scope beside it";
  sources_.environment.erase("OS_AUTH_TYPE");
  EXPECT_EQ(load().auth_type, AuthType::kApplicationCredential);
  sources_.environment.erase("OS_APPLICATION_CREDENTIAL_ID");
  EXPECT_THAT(failure(), HasSubstr("no application credential id"));
}

TEST_F(LoadCloudTest, Multifactor) {
  set({{"OS_AUTH_TYPE", "v3multifactor"},
       {"OS_AUTH_METHODS", "v3password, v3totp"},
       {"OS_AUTH_URL", "http://h"},
       {"OS_USERNAME", "u"},
       {"OS_PASSWORD", "p"},
       {"OS_PASSCODE", "123456"}});
  EXPECT_THAT(load().auth_methods, ElementsAre("password", "totp"));
  sources_.environment.erase("OS_PASSCODE");
  EXPECT_THAT(failure(), HasSubstr("no passcode given"));
}

TEST_F(LoadCloudTest, WithoutKeystone) {
  set({{"OS_AUTH_TYPE", "none"}, {"OS_ENDPOINT", "http://g:9292"}});
  EXPECT_EQ(load().endpoint_override, "http://g:9292");
  EXPECT_EQ(load().label(), "g:9292");
  set({{"OS_AUTH_TYPE", "token_endpoint"}, {"OS_ENDPOINT", "http://g"}, {"OS_TOKEN", "t"}});
  EXPECT_EQ(load().auth_type, AuthType::kAdminToken);
  set({{"OS_AUTH_TYPE", "http_basic"}, {"OS_ENDPOINT", "http://g"}, {"OS_USERNAME", "u"}});
  EXPECT_THAT(failure(), HasSubstr("no password given"));
}

TEST_F(LoadCloudTest, WhatIsConfiguredRanksBetweenVariablesAndCloudsYaml) {
  write("etc/clouds.yaml", kTwoClouds);
  sources_.configured = {{"OS_CLOUD", "prod"}, {"OS_USERNAME", "eve"}};
  const Cloud cloud = load();
  EXPECT_EQ(cloud.label(), "prod");
  EXPECT_EQ(cloud.user.name, "eve") << "over clouds.yaml";
  EXPECT_EQ(cloud.region, "R1");
  sources_.configured["OS_REGION_NAME"] = "R2";
  EXPECT_THAT(failure(), HasSubstr("region \"R2\" is not one of its regions"));
}

TEST_F(LoadCloudTest, DescribesWhereEachSettingComesFrom) {
  write("etc/clouds.yaml", kTwoClouds);
  write("etc/secure.yaml", "clouds: {test: {auth: {password: secret}}}");
  sources_.configured = {{"OS_CLOUD", "test"}, {"OS_USERNAME", "eve"}, {"OS_PROJECT_ID", "p3"}};
  sources_.overrides = {{"OS_TENANT_ID", "p4"}};
  const CloudDescription cloud = describe_cloud("", sources_);
  EXPECT_EQ(cloud.name.value, "test");
  EXPECT_EQ(cloud.name.origin, SettingOrigin::kConfigured);
  const auto& settings = cloud.settings;
  EXPECT_EQ(settings.at("username").value, "eve");
  EXPECT_EQ(settings.at("username").origin, SettingOrigin::kConfigured);
  EXPECT_EQ(settings.at(setting_name("OS_PROJECT_ID")).value, "p4");
  EXPECT_EQ(settings.at("project_id").origin, SettingOrigin::kOverride);
  EXPECT_EQ(settings.at("auth_url").origin, SettingOrigin::kFile);
  EXPECT_EQ(settings.at("auth_url").file, directory_ / "etc/clouds.yaml");
  EXPECT_EQ(settings.at("password").file, directory_ / "etc/secure.yaml");
}

TEST_F(LoadCloudTest, VariablesThatDescribeACloudWinOverAConfiguredOne) {
  write("etc/clouds.yaml", kTwoClouds);
  sources_.configured = {{"OS_CLOUD", "prod"}, {"OS_USERNAME", "eve"}, {"OS_REGION_NAME", "R2"}};
  set({{"OS_AUTH_URL", "http://env/v3"}, {"OS_USERNAME", "ann"}, {"OS_PASSWORD", "pw"}});
  const CloudDescription cloud = describe_cloud("", sources_);
  EXPECT_EQ(cloud.settings.at("username").value, "ann");
  EXPECT_EQ(cloud.settings.at("username").origin, SettingOrigin::kVariable);
  EXPECT_EQ(cloud.settings.at("region_name").origin, SettingOrigin::kConfigured);
  EXPECT_EQ(load().label(), "env");
}

TEST_F(LoadCloudTest, AConfiguredAddressIsACloud) {
  sources_.configured = {
      {"OS_AUTH_URL", "http://conf/v3"}, {"OS_USERNAME", "a"}, {"OS_PASSWORD", "pw"}};
  EXPECT_EQ(load().label(), "conf");
}

TEST_F(LoadCloudTest, AnOptionWinsOverWhatIsSaidOfTheImageServiceAlone) {
  write("etc/clouds.yaml",
        "clouds: {c: {auth: {auth_url: \"http://c\", username: u, password: p}, "
        "image_interface: internal, image_region_name: RI}}");
  EXPECT_EQ(load().region, "RI");
  sources_.overrides = {{"OS_INTERFACE", "admin"}, {"OS_REGION_NAME", "RO"}};
  EXPECT_EQ(load().region, "RO");
  EXPECT_THAT(load().interfaces, ElementsAre("admin"));
}

TEST_F(LoadCloudTest, WhatCannotBeUsedIsSaid) {
  const std::map<std::string, std::string> good{{"OS_AUTH_URL", "http://h"},
                                                {"OS_USERNAME", "u"},
                                                {"OS_PASSWORD", "p"},
                                                {"OS_PROJECT_NAME", "d"}};
  const auto with = [&](const std::string& name, const std::string& value) {
    set(good);
    sources_.environment[name] = value;
    return failure();
  };
  EXPECT_THAT(with("OS_AUTH_TYPE", "v3oidcpassword"),
              HasSubstr("auth_type \"v3oidcpassword\" is not supported"));
  EXPECT_THAT(with("OS_SYSTEM_SCOPE", "all"), HasSubstr("system scope cannot be used"));
  EXPECT_THAT(with("OS_IMAGE_API_VERSION", "1"), HasSubstr("image_api_version 1"));
  EXPECT_EQ(with("OS_IMAGE_API_VERSION", "2.9"), "no error");
  EXPECT_THAT(with("OS_AUTH_URL", "ftp://h"), HasSubstr("must begin with https://"));
  EXPECT_THAT(with("OS_AUTH_URL", "http://u:p@h"), HasSubstr("must not contain a user"));
  set(good);
  sources_.environment.erase("OS_PROJECT_NAME");
  sources_.environment["OS_DOMAIN_NAME"] = "dom";
  EXPECT_THAT(failure(), HasSubstr("domain scope cannot be used"));
  sources_.environment["OS_PROJECT_NAME"] = "d";
  EXPECT_EQ(load().project.domain_name, "dom") << "beside a project it is where that lives";
  set({{"OS_USERNAME", "u"}, {"OS_PASSWORD", "p"}});
  EXPECT_THAT(failure(), HasSubstr("no auth_url given"));
}

}  // namespace
}  // namespace glancefs::client
