// Application credentials, trusts and second factors.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <ctime>

#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

/// The six digits of RFC 6238 for a secret of 20 bytes, now.
std::string totp(const std::string& secret) {
  auto step = static_cast<std::uint64_t>(std::time(nullptr)) / 30;
  std::array<unsigned char, 8> counter{};
  for (auto byte = counter.rbegin(); byte != counter.rend(); ++byte, step >>= 8) {
    *byte = static_cast<unsigned char>(step);
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha1(), secret.data(), static_cast<int>(secret.size()), counter.data(), counter.size(),
       mac.data(), &size);
  const auto at = static_cast<std::size_t>(mac.at(size - 1) & 0xf);
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | mac.at(at + i);
  auto digits = std::to_string((number & 0x7fffffff) % 1'000'000);
  return std::string(6 - digits.size(), '0') + digits;
}

class Credentials : public CloudTest {
 protected:
  void TearDown() override {
    CloudTest::TearDown();
    for (const auto& path : undo_) {
      EXPECT_THAT(as_admin("DELETE", path), Answers(204)) << path;
    }
  }

  /// A request to Keystone with a token.
  static Reply identity(const User& user, const std::string& method, const std::string& path,
                        const Json& body = nullptr) {
    return cloud().keystone.send(method, path, as(user, {{"Content-Type", "application/json"}}),
                                 body.is_null() ? "" : body.dump());
  }
  static Reply as_admin(const std::string& method, const std::string& path,
                        const Json& body = nullptr) {
    return identity(cloud().admin, method, path, body);
  }

  /// An application credential of demo: {id, name, secret}.
  static Json application_credential() {
    const auto& demo = cloud().demo;
    const auto path = "/v3/users/" + demo.id + "/application_credentials";
    const auto reply = identity(demo, "POST", path,
                                {{"application_credential", {{"name", "contract-" + new_uuid()}}}});
    EXPECT_THAT(reply, Answers(201));
    auto made = reply.json()["application_credential"];
    EXPECT_THAT(identity(demo, "GET", path + "/" + made.value("id", "")), Answers(200));
    return made;
  }
  static void forget(const Json& credential) {
    EXPECT_THAT(identity(cloud().demo, "DELETE",
                         "/v3/users/" + cloud().demo.id + "/application_credentials/" +
                             credential.value("id", "")),
                Answers(204));
  }
  static Json by_id(const std::string& id, const std::string& secret) {
    return {{"methods", {"application_credential"}},
            {"application_credential", {{"id", id}, {"secret", secret}}}};
  }

  std::vector<std::string> undo_;
};

TEST_F(Credentials, ApplicationCredentialLogsInById) {
  const auto credential = application_credential();
  const auto reply = log_in(by_id(credential["id"], credential["secret"]));
  ASSERT_THAT(reply, Answers(201));
  EXPECT_EQ(reply.json()["token"]["project"]["name"], "demo");
  EXPECT_EQ(reply.json()["token"]["methods"], Json({"application_credential"}));
  forget(credential);
}

TEST_F(Credentials, ApplicationCredentialLogsInByNameOfAUser) {
  const auto credential = application_credential();
  Json named{{"name", credential["name"]}, {"secret", credential["secret"]}};
  named["user"] = {{"name", "demo"}, {"domain", {{"name", "Default"}}}};
  EXPECT_THAT(log_in({{"methods", {"application_credential"}}, {"application_credential", named}}),
              Answers(201));
  forget(credential);
}

TEST_F(Credentials, WrongSecretAndUnknownIdDiffer) {
  const auto credential = application_credential();
  EXPECT_THAT(log_in(by_id(credential["id"], "wrong")), Answers(401));
  EXPECT_THAT(log_in(by_id("0123456789abcdef0123456789abcdef", "wrong")), Answers(404));
  forget(credential);
}

TEST_F(Credentials, ApplicationCredentialTakesNoScope) {
  const auto credential = application_credential();
  EXPECT_THAT(log_in(by_id(credential["id"], credential["secret"]), project_scope(cloud().demo)),
              Answers(401, "cannot request a scope"));
  forget(credential);
}

TEST_F(Credentials, TokenOfAnApplicationCredentialCannotBeRescoped) {
  const auto credential = application_credential();
  const auto token =
      log_in(by_id(credential["id"], credential["secret"])).header("X-Subject-Token");
  EXPECT_THAT(
      log_in({{"methods", {"token"}}, {"token", {{"id", token}}}}, project_scope(cloud().demo)),
      Answers(403));
  forget(credential);
}

TEST_F(Credentials, TrustLendsARole) {
  if (is(Flavour::kDevcloud)) GTEST_SKIP() << "the stand-in has trusts by configuration only";
  Json trust{{"trustor_user_id", cloud().demo.id}, {"trustee_user_id", cloud().other.id}};
  trust["project_id"] = cloud().demo.project_id;
  trust["impersonation"] = false;
  trust["roles"] = Json::array({{{"name", "member"}}});
  const auto made = identity(cloud().demo, "POST", "/v3/OS-TRUST/trusts", {{"trust", trust}});
  ASSERT_THAT(made, Answers(201));
  const auto id = made.json()["trust"].value("id", "");
  const auto login = log_in(password_identity(cloud().other), {{"OS-TRUST:trust", {{"id", id}}}});
  ASSERT_THAT(login, Answers(201));
  EXPECT_EQ(login.json()["token"]["project"]["name"], "demo");
  EXPECT_EQ(login.json()["token"]["OS-TRUST:trust"]["id"], id);
  EXPECT_THAT(log_in({{"methods", {"token"}}, {"token", {{"id", login.header("X-Subject-Token")}}}},
                     project_scope(cloud().demo)),
              Answers(403));
  EXPECT_THAT(identity(cloud().demo, "DELETE", "/v3/OS-TRUST/trusts/" + id), Answers(204));
}

TEST_F(Credentials, SecondFactorIsAskedForWithAReceipt) {
  if (is(Flavour::kDevcloud))
    GTEST_SKIP() << "the stand-in has second factors by configuration only";
  User careful{"careful-" + new_uuid(), "pass-" + new_uuid(), "", "", ""};
  Json user{{"name", careful.name}, {"password", careful.password}, {"domain_id", "default"}};
  user["options"] = {{"multi_factor_auth_enabled", true},
                     {"multi_factor_auth_rules", Json::array({Json{"password", "totp"}})}};
  const auto made = as_admin("POST", "/v3/users", {{"user", user}});
  ASSERT_THAT(made, Answers(201));
  careful.id = made.json()["user"].value("id", "");
  undo_.push_back("/v3/users/" + careful.id);
  Json secret{{"type", "totp"}, {"blob", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}};
  secret["user_id"] = careful.id;
  ASSERT_THAT(as_admin("POST", "/v3/credentials", {{"credential", secret}}), Answers(201));

  const auto asked = log_in(password_identity(careful), "unscoped");
  ASSERT_THAT(asked, Answers(401));
  const auto receipt = asked.header("Openstack-Auth-Receipt");
  EXPECT_NE(receipt, "");
  EXPECT_THAT(asked.json()["required_auth_methods"].dump(), testing::HasSubstr("totp"));

  Json factor{{"methods", {"totp"}}};
  factor["totp"] = {{"user", {{"id", careful.id}, {"passcode", totp("12345678901234567890")}}}};
  const auto done = cloud().keystone.send(
      "POST", "/v3/auth/tokens",
      {{"Content-Type", "application/json"}, {"Openstack-Auth-Receipt", receipt}},
      Json{{"auth", {{"identity", factor}, {"scope", "unscoped"}}}}.dump());
  EXPECT_THAT(done, Answers(201));
}

}  // namespace
}  // namespace glancefs::cloud
