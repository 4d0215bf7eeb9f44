// Logging in to Keystone v3: discovery, identities, scopes, refusals.
#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

constexpr auto kRefused = "The request you have made requires authentication.";

class Keystone : public CloudTest {
 protected:
  static Reply get_identity(const std::string& path) {
    return cloud().keystone.send("GET", path, {{"Accept", "application/json"}});
  }
  static Json token_identity(const std::string& token) {
    return {{"methods", {"token"}}, {"token", {{"id", token}}}};
  }
  static std::string unscoped_token(const User& user) {
    return log_in(password_identity(user), "unscoped").header("X-Subject-Token");
  }
};

TEST_F(Keystone, UnversionedUrlOffersV3) {
  const auto reply = get_identity("/");
  EXPECT_THAT(reply, Answers(300));
  EXPECT_THAT(reply.header("Location"), HasSubstr("/v3/"));
  const auto versions = reply.json()["versions"]["values"];
  ASSERT_FALSE(versions.empty());
  EXPECT_THAT(versions[0].value("id", ""), testing::StartsWith("v3"));
}

TEST_F(Keystone, VersionedUrlAnswersWithAndWithoutSlash) {
  EXPECT_TRUE(get_identity("/v3").json().contains("version"));
  EXPECT_TRUE(get_identity("/v3/").json().contains("version"));
}

TEST_F(Keystone, VersionTwoIsGoneAndNotSaidInJson) {
  const auto reply = get_identity("/v2.0");
  EXPECT_THAT(reply, Answers(404));
  EXPECT_TRUE(reply.json().is_discarded());
}

TEST_F(Keystone, PasswordLoginBringsTokenAndCatalog) {
  const auto reply = log_in(password_identity(cloud().demo), project_scope(cloud().demo));
  ASSERT_THAT(reply, Answers(201));
  EXPECT_TRUE(reply.has("X-Subject-Token"));
  const auto token = reply.json().at("token");
  EXPECT_EQ(token["project"]["name"], "demo");
  EXPECT_EQ(token["project"]["domain"]["name"], "Default");
  EXPECT_EQ(token["user"]["name"], "demo");
  EXPECT_EQ(token["methods"], Json({"password"}));
  EXPECT_THAT(token["expires_at"].get<std::string>(),
              MatchesRegex("[0-9-]{10}T[0-9:]{8}\\.[0-9]{6}Z"));
  EXPECT_THAT(token["roles"].dump(), HasSubstr("\"member\""));
}

TEST_F(Keystone, CatalogNamesImageEndpointsOfEveryInterface) {
  const auto token = log_in(password_identity(cloud().demo), project_scope(cloud().demo)).json();
  std::vector<std::string> interfaces;
  for (const auto& service : token["token"]["catalog"]) {
    if (service["type"] != "image") continue;
    for (const auto& endpoint : service["endpoints"]) {
      interfaces.push_back(endpoint["interface"]);
      EXPECT_EQ(endpoint["region"], "RegionOne");
      EXPECT_EQ(endpoint["region_id"], "RegionOne");
      EXPECT_EQ(endpoint["url"], cloud().glance_url);
    }
  }
  EXPECT_THAT(interfaces, testing::UnorderedElementsAre("public", "internal", "admin"));
}

TEST_F(Keystone, NocatalogLeavesTheCatalogOut) {
  const auto reply =
      log_in(password_identity(cloud().demo), project_scope(cloud().demo), "?nocatalog");
  ASSERT_THAT(reply, Answers(201));
  EXPECT_FALSE(reply.json()["token"].contains("catalog"));
}

TEST_F(Keystone, UserAndProjectMayBeGivenById) {
  const auto& demo = cloud().demo;
  const Json identity{{"methods", {"password"}},
                      {"password", {{"user", {{"id", demo.id}, {"password", demo.password}}}}}};
  const auto reply = log_in(identity, {{"project", {{"id", demo.project_id}}}});
  ASSERT_THAT(reply, Answers(201));
  EXPECT_EQ(reply.json()["token"]["project"]["id"], demo.project_id);
}

TEST_F(Keystone, DomainMayBeGivenById) {
  auto identity = password_identity(cloud().demo);
  identity["password"]["user"]["domain"] = {{"id", "default"}};
  EXPECT_THAT(log_in(identity, {{"project", {{"name", "demo"}, {"domain", {{"id", "default"}}}}}}),
              Answers(201));
}

TEST_F(Keystone, EveryWrongPasswordLoginReadsTheSame) {
  auto wrong_password = cloud().demo;
  wrong_password.password = "wrong";
  auto nobody = cloud().demo;
  nobody.name = "nobody-of-that-name";
  EXPECT_THAT(log_in(password_identity(wrong_password)), Answers(401, kRefused));
  EXPECT_THAT(log_in(password_identity(nobody)), Answers(401, kRefused));
  EXPECT_THAT(log_in(password_identity(cloud().demo), project_scope(nobody)),
              Answers(401, kRefused));
  EXPECT_THAT(log_in(password_identity(cloud().demo), project_scope(cloud().other)),
              Answers(401, kRefused));
}

TEST_F(Keystone, ErrorBodyHasNumericCode) {
  auto wrong = cloud().demo;
  wrong.password = "wrong";
  const auto error = log_in(password_identity(wrong)).json()["error"];
  EXPECT_EQ(error["code"], 401);
  EXPECT_EQ(error["title"], "Unauthorized");
  EXPECT_TRUE(error["message"].is_string());
}

TEST_F(Keystone, NamesWithoutDomainAreMalformed) {
  auto identity = password_identity(cloud().demo);
  EXPECT_THAT(log_in(identity, {{"project", {{"name", "demo"}}}}),
              Answers(400, "Expecting to find domain in project"));
  identity["password"]["user"].erase("domain");
  EXPECT_THAT(log_in(identity), Answers(400, "Expecting to find domain in user"));
}

TEST_F(Keystone, UnknownMethodIsAnsweredWithTheKnownOnes) {
  const auto reply = log_in({{"methods", {"telepathy"}}, {"telepathy", Json::object()}});
  EXPECT_THAT(reply, Answers(401, "unsupported method"));
  EXPECT_THAT(reply.json()["error"]["identity"]["methods"], testing::Contains("password"));
  EXPECT_THAT(log_in({{"methods", {"telepathy"}}}), Answers(400, "Expecting to find telepathy"));
}

TEST_F(Keystone, UnscopedTokenHasNoProjectAndNoCatalog) {
  for (const auto& scope : {Json("unscoped"), Json(nullptr)}) {
    const auto reply = log_in(password_identity(cloud().demo), scope);
    ASSERT_THAT(reply, Answers(201));
    EXPECT_FALSE(reply.json()["token"].contains("project"));
    EXPECT_FALSE(reply.json()["token"].contains("catalog"));
  }
}

TEST_F(Keystone, RescopedTokenInheritsItsEnd) {
  const auto first = log_in(password_identity(cloud().demo), "unscoped");
  const auto second =
      log_in(token_identity(first.header("X-Subject-Token")), project_scope(cloud().demo));
  ASSERT_THAT(second, Answers(201));
  EXPECT_EQ(second.json()["token"]["expires_at"], first.json()["token"]["expires_at"]);
  EXPECT_THAT(second.json()["token"]["methods"].dump(), HasSubstr("token"));
}

TEST_F(Keystone, BadTokenIsNotFound) {
  EXPECT_THAT(log_in(token_identity("nonsense")), Answers(404));
}

TEST_F(Keystone, SystemScopeNeedsARoleOnTheSystem) {
  const Json system{{"system", {{"all", true}}}};
  const auto admin = log_in(password_identity(cloud().admin), system);
  EXPECT_THAT(admin, Answers(201));
  EXPECT_FALSE(admin.json()["token"].contains("project"));
  EXPECT_THAT(log_in(password_identity(cloud().demo), system), Answers(401));
}

TEST_F(Keystone, RevokedTokenIsNotFound) {
  const auto& keystone = cloud().keystone;
  const auto token = unscoped_token(cloud().demo);
  const Headers own{{"X-Auth-Token", token}, {"X-Subject-Token", token}};
  EXPECT_THAT(keystone.send("GET", "/v3/auth/tokens", own), Answers(200));
  EXPECT_THAT(keystone.send("DELETE", "/v3/auth/tokens", own), Answers(204));
  const Headers foreign{{"X-Auth-Token", cloud().demo.token}, {"X-Subject-Token", token}};
  EXPECT_THAT(keystone.send("GET", "/v3/auth/tokens", foreign), Answers(404));
}

// Without a project there is nobody to own what is made: the client must insist on one.
TEST_F(Keystone, UnscopedTokenListsAndCreatesForNobody) {
  auto nobody = cloud().demo;
  nobody.token = unscoped_token(cloud().demo);
  EXPECT_THAT(get(nobody, "/v2/images?limit=1"), Answers(200));
  const auto created = try_create(nobody, Json::object());
  ASSERT_THAT(created, Answers(201));
  EXPECT_TRUE(created.json()["owner"].is_null());
}

TEST_F(Keystone, GlanceNamesKeystoneWhenItRefusesAToken) {
  auto nobody = cloud().demo;
  for (const auto* token : {"nonsense", ""}) {
    nobody.token = token;
    const auto reply = get(nobody, "/v2/images");
    EXPECT_THAT(reply, Answers(401));
    EXPECT_THAT(reply.header("WWW-Authenticate"), testing::StartsWith("Keystone uri="));
    EXPECT_THAT(reply, Not(Answers(200)));
  }
}

}  // namespace
}  // namespace glancefs::cloud
