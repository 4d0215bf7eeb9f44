#include "client/identity.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/stub_keystone.h"

namespace glancefs::client {
namespace {

const Identity kDemo{.endpoint = "https://images.example",
                     .project_id = "p1",
                     .project_name = "demo",
                     .user_id = "u1",
                     .roles = "member",
                     .is_admin = false};

TEST(IdentityTest, EverythingThatDecidesWhatIsSeenIsInTheKey) {
  const Cloud cloud = test::password_cloud();
  std::vector<Identity> all(6, kDemo);
  all[1].endpoint = "https://images.example/";
  all[2].project_id = "p2";
  all[3].user_id = "u2";
  all[4].roles = "admin,member";
  all[5].is_admin = true;
  std::set<std::optional<std::string>> keys;
  for (const Identity& each : all) {
    EXPECT_EQ(each.sees_as(kDemo), each == kDemo);
    keys.insert(catalogue_key(cloud, each));
  }
  EXPECT_EQ(keys.size(), all.size());
  Identity renamed = kDemo;
  renamed.project_name = "other";
  EXPECT_TRUE(renamed.sees_as(kDemo));
  EXPECT_EQ(catalogue_key(cloud, renamed), catalogue_key(cloud, kDemo));
}

TEST(IdentityTest, WordsDoNotRunIntoOneAnother) {
  Identity left = kDemo;
  left.project_id = "p1 2:u1";
  left.user_id = "";
  Identity right = kDemo;
  right.project_id = "p1";
  right.user_id = "2:u1";
  EXPECT_NE(catalogue_key({}, left), catalogue_key({}, right));
}

TEST(IdentityTest, OneWhoWouldLogInOtherwiseHasAnotherKey) {
  const Cloud cloud = test::password_cloud();
  std::vector<Cloud> all(11, cloud);
  all[1].auth_url = "https://other";
  all[2].user.name = "bob";
  all[3].user.domain_name = "Other";
  all[4].project.name = "other";
  all[5].region = "RegionTwo";
  all[6].interfaces = {"internal"};
  all[7].endpoint_override = "https://elsewhere";
  all[8].trust_id = "t1";
  all[9].auth_type = AuthType::kApplicationCredential;
  all[10].application_credential_id = "c1";
  std::set<std::optional<std::string>> keys;
  for (const Cloud& each : all) keys.insert(login_key(each));
  EXPECT_EQ(keys.size(), all.size());
}

TEST(IdentityTest, NoSecretIsInIt) {
  Cloud cloud = test::password_cloud();
  cloud.application_credential_secret = "secret-too";
  cloud.passcode = "123456";
  const std::string key = login_key(cloud).value();
  EXPECT_EQ(key.find("secret"), std::string::npos) << key;
  EXPECT_EQ(key.find("123456"), std::string::npos) << key;
  Cloud changed = cloud;
  changed.password = "changed";
  EXPECT_EQ(login_key(changed), key) << "a new password is the same user";
}

TEST(IdentityTest, ATokenDoesNotSayWhoseItIs) {
  Cloud cloud = test::password_cloud();
  cloud.auth_type = AuthType::kToken;
  EXPECT_EQ(login_key(cloud), std::nullopt);
  EXPECT_NE(catalogue_key(cloud, kDemo), std::nullopt) << "but Keystone does";
  cloud.auth_type = AuthType::kAdminToken;
  EXPECT_EQ(login_key(cloud), std::nullopt);
  EXPECT_EQ(catalogue_key(cloud, kDemo), std::nullopt);
}

}  // namespace
}  // namespace glancefs::client
