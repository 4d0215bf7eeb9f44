#include "client/keystone.h"

#include "client/catalogue.h"
#include "client/keystone_body.h"
#include "client/session.h"
#include "tests/support/stub_keystone.h"

namespace glancefs::client {
namespace {

using test::answer;

TEST(KeystoneUrl, EndsInV3) {
  EXPECT_EQ(keystone_url("http://h:5000"), "http://h:5000/v3");
  EXPECT_EQ(keystone_url("http://h:5000/"), "http://h:5000/v3");
  EXPECT_EQ(keystone_url("http://h/identity"), "http://h/identity/v3");
  EXPECT_EQ(keystone_url("http://h/identity/v3//"), "http://h/identity/v3");
  EXPECT_EQ(keystone_url("http://h:5000/v2.0"), "http://h:5000/v3");
}

TEST(WithoutVersion, FormsThatAreMet) {
  EXPECT_EQ(without_version("https://h:9292"), "https://h:9292");
  EXPECT_EQ(without_version("https://h:9292/"), "https://h:9292");
  EXPECT_EQ(without_version("https://h:9292/v2"), "https://h:9292");
  EXPECT_EQ(without_version("https://h/image/v2.9/"), "https://h/image");
  EXPECT_EQ(without_version("https://h/image"), "https://h/image");
  EXPECT_EQ(without_version("https://v2"), "https://v2");
  EXPECT_EQ(without_version("https://h/v"), "https://h/v");
}

TEST(Keystone, DiscoversAnUnusualPath) {
  Cloud cloud = test::password_cloud();
  cloud.auth_url = "https://ks.example/odd";
  test::FakeTransport transport([](const Request& request) {
    if (request.method == "GET") {
      return answer(300, R"({"versions": {"values": [
          {"id": "v2.0", "links": [{"rel": "self", "href": "http://inner/odd/v2.0/"}]},
          {"id": "v3.14", "links": [{"rel": "self", "href": "http://inner:35357/hidden/v3/"}]}]}})");
    }
    if (request.url.starts_with("https://ks.example/hidden/v3/auth/tokens")) {
      return test::token_answer("t");
    }
    test::Answer page = answer(404, "<html>Not Found</html>");
    page.response.headers = {};
    page.response.headers.add("Content-Type", "text/html");
    return page;
  });
  EXPECT_EQ(Keystone(cloud, transport).log_in(true, {}).value, "t");
}

TEST(LoginBody, EveryWayIn) {
  Cloud cloud = test::password_cloud();
  cloud.auth_type = AuthType::kApplicationCredential;
  cloud.application_credential_id = "ac1";
  cloud.application_credential_secret = "s";
  EXPECT_EQ(login_body(cloud, login_methods(cloud)),
            R"({"auth":{"identity":{"application_credential":{"id":"ac1","secret":"s"},)"
            R"("methods":["application_credential"]}}})")
      << "an application credential brings its own scope";

  cloud.application_credential_id.clear();
  cloud.application_credential_name = "n";
  EXPECT_EQ(
      login_body(cloud, login_methods(cloud)),
      R"({"auth":{"identity":{"application_credential":{"name":"n","secret":"s","user":)"
      R"({"domain":{"name":"Default"},"name":"ann"}},"methods":["application_credential"]}}})");

  cloud = test::password_cloud();
  cloud.auth_type = AuthType::kToken;
  cloud.token = "old";
  cloud.project = {.id = "p1", .name = {}, .domain_id = {}, .domain_name = {}};
  EXPECT_EQ(login_body(cloud, login_methods(cloud)),
            R"({"auth":{"identity":{"methods":["token"],"token":{"id":"old"}},)"
            R"("scope":{"project":{"id":"p1"}}}})");

  cloud.auth_type = AuthType::kMultifactor;
  cloud.auth_methods = {"password", "totp"};
  cloud.user = {.id = "u1", .name = {}, .domain_id = {}, .domain_name = {}};
  cloud.passcode = "123456";
  cloud.trust_id = "tr1";
  EXPECT_EQ(login_body(cloud, login_methods(cloud)),
            R"({"auth":{"identity":{"methods":["password","totp"],"password":{"user":{"id":"u1",)"
            R"("password":"secret-word"}},"totp":{"user":{"id":"u1","passcode":"123456"}}},)"
            R"("scope":{"OS-TRUST:trust":{"id":"tr1"}}}})");
}

TEST(ParseToken, ClockOfTheServerCounts) {
  const auto token = parse_token(test::token_answer("t", 20).response);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->life, std::chrono::seconds(20));
  EXPECT_EQ(token->image_endpoints.size(), 2U);
  EXPECT_FALSE(parse_token(answer(201, R"({"token": {}})").response));
  EXPECT_FALSE(parse_token(answer(201, "[]", {{"X-Subject-Token", "t"}}).response));
}

TEST(ChooseEndpoint, OrderOfPreference) {
  const std::vector<Endpoint> endpoints{
      {.service_name = "a", .interface = "public", .region = "R1", .url = "http://1"},
      {.service_name = "a", .interface = "internal", .region = "R2", .url = "http://2/v2"},
      {.service_name = "b", .interface = "public", .region = "R2", .url = "http://3"}};
  Cloud cloud;
  EXPECT_EQ(choose_endpoint(cloud, endpoints), "http://1");
  cloud.interfaces = {"internalURL", "public"};
  EXPECT_EQ(choose_endpoint(cloud, endpoints), "http://2");
  cloud.region = "R1";
  EXPECT_EQ(choose_endpoint(cloud, endpoints), "http://1");
  cloud.region.clear();
  cloud.service_name = "b";
  EXPECT_EQ(choose_endpoint(cloud, endpoints), "http://3");
  cloud.region = "r1";
  EXPECT_THROW(choose_endpoint(cloud, endpoints), LoginError);
}

}  // namespace
}  // namespace glancefs::client
