// What doctor says of a cloud, on a development cloud that can be made to fail.
#include "fs/doctor/cloud_checks.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/devcloud/devcloud.h"
#include "tests/support/cloud_client.h"

namespace glancefs::fs {
namespace {

using devcloud::DevCloud;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Origins, AreTakenApart) {
  const auto text = [](const std::string& url) {
    const auto origin = origin_of(url);
    return origin ? fmt::format("{} {} {}", origin->scheme, origin->host, origin->port) : "none";
  };
  EXPECT_EQ(text("https://ks.example:5000/v3"), "https ks.example 5000");
  EXPECT_EQ(text("https://ks.example/identity"), "https ks.example 443");
  EXPECT_EQ(text("http://10.0.0.1"), "http 10.0.0.1 80");
  EXPECT_EQ(text("http://[::1]:5000/v3"), "http ::1 5000");
  EXPECT_EQ(text("http://[fe80::1]/"), "http fe80::1 80");
  for (const char* wrong : {"", "ks.example", "ftp://x/", "http://", "http://x:y/"}) {
    EXPECT_EQ(text(wrong), "none") << wrong;
  }
}

TEST(Proxies, AreFoundAsLibcurlFindsThem) {
  const Origin plain{.scheme = "http", .host = "ks.corp.example", .port = 80};
  const Origin tls{.scheme = "https", .host = "ks.corp.example", .port = 443};
  EXPECT_EQ(proxy_for(tls, {{"https_proxy", "http://u:secret@p:3128"}}), "http://p:3128");
  EXPECT_EQ(proxy_for(tls, {{"http_proxy", "http://p"}}), "");
  EXPECT_EQ(proxy_for(plain, {{"http_proxy", "http://p"}}), "http://p");
  EXPECT_EQ(proxy_for(plain, {{"HTTP_PROXY", "http://p"}}), "");
  EXPECT_EQ(proxy_for(plain, {{"all_proxy", "socks5://p"}}), "socks5://p");
  for (const char* exception : {"*", "corp.example", ".corp.example", "a,ks.corp.example"}) {
    EXPECT_EQ(proxy_for(tls, {{"https_proxy", "http://p"}, {"no_proxy", exception}}), "")
        << exception;
  }
  EXPECT_EQ(proxy_for(tls, {{"https_proxy", "http://p"}, {"no_proxy", "orp.example"}}), "http://p");
}

TEST(Names, AreLookedUp) {
  EXPECT_EQ(check_name({.scheme = "http", .host = "127.0.0.1", .port = 1}).verdict, Verdict::kOk);
  const Finding none = check_name({.scheme = "http", .host = "no.such.invalid", .port = 1});
  EXPECT_EQ(none.verdict, Verdict::kFailed);
  EXPECT_THAT(none.detail, HasSubstr("no.such.invalid"));
}

TEST(Clocks, AreCompared) {
  const std::string date = "Sun, 06 Nov 1994 08:49:37 GMT";
  const auto then = std::chrono::system_clock::time_point(std::chrono::seconds(784'111'777));
  EXPECT_EQ(check_clock(date, then + std::chrono::seconds(5)).verdict, Verdict::kOk);
  const Finding ahead = check_clock(date, then + std::chrono::minutes(10));
  EXPECT_EQ(ahead.verdict, Verdict::kWarning);
  EXPECT_THAT(ahead.detail, HasSubstr("10 min ahead of"));
  EXPECT_THAT(check_clock(date, then - std::chrono::hours(5)).detail, HasSubstr("5 h behind"));
  EXPECT_EQ(check_clock("", then).verdict, Verdict::kSkipped);
  EXPECT_EQ(check_clock("soon", then).verdict, Verdict::kSkipped);
}

class CloudChecksTest : public testing::Test {
 protected:
  client::Cloud cloud_settings(const DevCloud& cloud) {
    return test::cloud_of(cloud, cloud.demo());
  }
  static client::TransportConfig quick() { return test::CloudClient::config(); }
};

TEST_F(CloudChecksTest, AllIsWell) {
  DevCloud cloud;
  cloud.add_image(devcloud::image_named("a"), devcloud::Blob("data"));
  CloudChecks checks(cloud_settings(cloud), quick());
  const auto origin = origin_of(cloud.auth_url());
  ASSERT_TRUE(origin);
  EXPECT_EQ(check_connection(*origin, std::chrono::seconds(5)).verdict, Verdict::kOk);
  EXPECT_EQ(checks.answer(cloud.auth_url()).verdict, Verdict::kOk);
  EXPECT_EQ(check_clock(checks.date(), std::chrono::system_clock::now()).verdict, Verdict::kOk);
  const Finding login = checks.login();
  EXPECT_EQ(login.verdict, Verdict::kOk) << login.detail;
  EXPECT_THAT(login.detail, AllOf(HasSubstr("the token lasts"), HasSubstr("roles member")));
  EXPECT_EQ(checks.endpoint().detail, cloud.glance_url());
  EXPECT_EQ(checks.list().detail, "1 images");
  const auto stores = checks.stores();
  ASSERT_EQ(stores.size(), 1U);
  EXPECT_EQ(stores.front().verdict, Verdict::kOk) << stores.front().detail;
  EXPECT_EQ(stores.front().detail, "store fast gives parts of images");
}

TEST_F(CloudChecksTest, NobodyListens) {
  DevCloud cloud;
  cloud.keystone_down(true);
  const auto origin = origin_of(cloud.auth_url());
  const Finding finding = check_connection(*origin, std::chrono::seconds(5));
  EXPECT_EQ(finding.verdict, Verdict::kFailed);
  EXPECT_THAT(finding.detail, HasSubstr("refused"));
}

TEST_F(CloudChecksTest, NoTlsIsSpokenThere) {
  DevCloud cloud;
  CloudChecks checks(cloud_settings(cloud), quick());
  const Finding finding = checks.answer("https" + cloud.auth_url().substr(4));
  EXPECT_EQ(finding.verdict, Verdict::kFailed);
  EXPECT_THAT(finding.detail, HasSubstr("TLS"));
}

TEST_F(CloudChecksTest, ARefusedLoginIsTriedOnce) {
  DevCloud cloud;
  client::Cloud settings = cloud_settings(cloud);
  settings.password = "wrong-secret";
  CloudChecks checks(settings, quick());
  const Finding finding = checks.login();
  EXPECT_EQ(finding.verdict, Verdict::kFailed);
  EXPECT_THAT(finding.detail, AllOf(HasSubstr("401"), Not(HasSubstr("wrong-secret"))));
  int logins = 0;
  for (const auto& entry : cloud.log()) logins += entry.method == "POST" ? 1 : 0;
  EXPECT_EQ(logins, 1);
}

TEST_F(CloudChecksTest, NoImageServiceInThatRegion) {
  DevCloud cloud;
  client::Cloud settings = cloud_settings(cloud);
  settings.region = "Elsewhere";
  CloudChecks checks(settings, quick());
  EXPECT_EQ(checks.login().verdict, Verdict::kOk) << "it is not the login's fault";
  const Finding endpoint = checks.endpoint();
  EXPECT_EQ(endpoint.verdict, Verdict::kFailed);
  EXPECT_THAT(endpoint.detail, HasSubstr("Elsewhere"));
}

TEST_F(CloudChecksTest, TheImageServiceIsDown) {
  DevCloud cloud;
  cloud.glance_down(true);
  CloudChecks checks(cloud_settings(cloud), quick());
  EXPECT_EQ(checks.login().verdict, Verdict::kOk);
  EXPECT_EQ(checks.endpoint().verdict, Verdict::kFailed);
}

TEST_F(CloudChecksTest, AListThatFailsAndOneThatIsEmpty) {
  DevCloud cloud;
  CloudChecks checks(cloud_settings(cloud), quick());
  ASSERT_EQ(checks.login().verdict, Verdict::kOk);
  EXPECT_EQ(checks.list().verdict, Verdict::kWarning);
  EXPECT_EQ(checks.stores().front().verdict, Verdict::kSkipped);
  devcloud::Fault fault = devcloud::answer_fault(403);
  fault.path = "/v2/images";
  cloud.add_fault(fault);
  EXPECT_EQ(checks.list().verdict, Verdict::kFailed);
}

TEST_F(CloudChecksTest, EachStoreHasAVerdict) {
  devcloud::Config config;
  config.stores = {{.id = "fast", .is_default = true, .ranges = {}, .capacity = {}},
                   {.id = "slow",
                    .is_default = false,
                    .ranges = devcloud::RangeSupport::kRefused,
                    .capacity = {}}};
  DevCloud cloud(config);
  for (const char* store : {"fast", "slow"}) {
    devcloud::Image image = devcloud::image_named(store);
    image.stores = {store};
    cloud.add_image(image, devcloud::Blob("data of some bytes"));
  }
  CloudChecks checks(cloud_settings(cloud), quick());
  ASSERT_EQ(checks.login().verdict, Verdict::kOk);
  ASSERT_EQ(checks.list().verdict, Verdict::kOk);
  cloud.clear_log();
  const auto stores = checks.stores();
  ASSERT_EQ(stores.size(), 2U);
  EXPECT_EQ(stores[0].verdict, Verdict::kOk) << stores[0].detail;
  EXPECT_EQ(stores[1].verdict, Verdict::kWarning) << stores[1].detail;
  EXPECT_THAT(stores[1].detail, HasSubstr("store slow gives whole images only"));
}

TEST_F(CloudChecksTest, DataThatIsGone) {
  DevCloud cloud;
  const std::string id =
      cloud.add_image(devcloud::image_named("a"), devcloud::Blob("data of some bytes"));
  cloud.erase_data(id);
  CloudChecks checks(cloud_settings(cloud), quick());
  ASSERT_EQ(checks.login().verdict, Verdict::kOk);
  ASSERT_EQ(checks.list().verdict, Verdict::kOk);
  const Finding finding = checks.stores().front();
  EXPECT_EQ(finding.verdict, Verdict::kFailed);
  EXPECT_THAT(finding.detail, HasSubstr(id));
}

}  // namespace
}  // namespace glancefs::fs
