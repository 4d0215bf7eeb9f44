// What holds for every request: versions, wrong bases, request ids, the shape of errors, limits.
#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

using testing::HasSubstr;

class Protocol : public CloudTest {
 protected:
  static Reply bare(const std::string& method, const std::string& path,
                    const Headers& headers = {}) {
    return cloud().glance.send(method, path, headers);
  }
  /// A 404 asked for with this Accept; nullptr sends none at all.
  static Reply missing_image(const char* accept) {
    Headers headers{{"X-Auth-Token", cloud().demo.token}, {"Connection", "close"}};
    if (accept != nullptr) headers.emplace_back("Accept", accept);
    Wire wire(cloud().glance);
    wire.head("GET", "/v2/images/" + new_uuid(), headers);
    return wire.reply();
  }
  static bool is_json(const Reply& reply) {
    return reply.header("Content-Type").starts_with("application/json");
  }
};

TEST_F(Protocol, RootListsVersionsToAnybody) {
  for (const auto* method : {"GET", "POST", "DELETE"}) {
    const auto reply = bare(method, "/");
    ASSERT_THAT(reply, Answers(300)) << method;
    EXPECT_TRUE(is_json(reply));
    EXPECT_FALSE(reply.has("Location"));
  }
  EXPECT_THAT(bare("GET", "/versions"), Answers(200, "\"versions\""));
}

TEST_F(Protocol, ExactlyOneVersionIsCurrent) {
  const auto versions = bare("GET", "/").json()["versions"];
  const auto current = std::ranges::count_if(
      versions, [](const Json& version) { return version["status"] == "CURRENT"; });
  EXPECT_EQ(current, 1);
  for (const auto& version : versions) {
    EXPECT_THAT(version["id"].get<std::string>(), testing::MatchesRegex("v2\\.[0-9]+"));
  }
}

// A mistyped endpoint never answers 404.
TEST_F(Protocol, WrongBaseAnswers300WithOrWithoutToken) {
  for (const auto* path :
       {"/v3/images", "/v1/images", "/image/v2/images", "/nope", "/v2.99/images"}) {
    EXPECT_THAT(bare("GET", path), Answers(300, "\"versions\"")) << path;
    EXPECT_THAT(get(cloud().demo, path), Answers(300, "\"versions\"")) << path;
    EXPECT_THAT(post(cloud().demo, path, Json::object()), Answers(300)) << path;
  }
}

TEST_F(Protocol, NothingIsAtTheBareVersion) {
  const auto redirect = get(cloud().demo, "/v2");
  EXPECT_THAT(redirect, Answers(302));
  EXPECT_THAT(redirect.header("Location"), testing::EndsWith("/v2/"));
  EXPECT_THAT(bare("GET", "/v2"), Answers(401));
  EXPECT_THAT(bare("GET", "/v2/"), Answers(401));
  EXPECT_THAT(get(cloud().demo, "/v2/"), Answers(404));
}

TEST_F(Protocol, MinorVersionInThePathChangesNothing) {
  EXPECT_THAT(get(cloud().demo, "/v2.7/images?limit=0"), Answers(200, "\"images\""));
}

TEST_F(Protocol, HealthcheckNeedsNoToken) {
  EXPECT_THAT(bare("GET", "/healthcheck"), Answers(200, "OK"));
}

TEST_F(Protocol, RequestIdIsEchoed) {
  const auto id = "req-" + new_uuid();
  const Headers own{{"X-OpenStack-Request-ID", id}};
  EXPECT_EQ(get(cloud().demo, "/v2/images?limit=0", own).header("x-openstack-request-id"), id);
  EXPECT_EQ(get(cloud().demo, "/v2/images/" + new_uuid(), own).header("x-openstack-request-id"),
            id);
}

TEST_F(Protocol, RequestIdIsMadeWhereNoneIsGiven) {
  EXPECT_THAT(get(cloud().demo, "/v2/images?limit=0").header("x-openstack-request-id"),
              testing::StartsWith("req-"));
  EXPECT_FALSE(bare("GET", "/").has("x-openstack-request-id"));
  EXPECT_FALSE(bare("GET", "/v2/images").has("x-openstack-request-id"));
}

TEST_F(Protocol, LongRequestIdIsAServerError) {
  EXPECT_THAT(get(cloud().demo, "/v2/images?limit=0",
                  {{"X-OpenStack-Request-ID", "req-" + std::string(61, 'a')}}),
              Answers(500));
}

TEST_F(Protocol, OnlyPlainJsonAcceptGetsJsonErrors) {
  const auto reply = missing_image("application/json");
  ASSERT_THAT(reply, Answers(404));
  ASSERT_TRUE(is_json(reply));
  const auto error = reply.json();
  EXPECT_EQ(error["code"], "404 Not Found");
  EXPECT_EQ(error["title"], "Not Found");
  EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("<br /><br />"));
}

TEST_F(Protocol, OtherAcceptsGetHtmlOrText) {
  for (const auto* accept :
       {"*/*", "text/html", "application/json, */*", "text/html, application/json"}) {
    const auto reply = missing_image(accept);
    EXPECT_THAT(reply, Answers(404, "</h1>")) << accept;
    EXPECT_THAT(reply.header("Content-Type"), testing::StartsWith("text/html")) << accept;
  }
  for (const char* accept : {static_cast<const char*>(nullptr), "text/plain", "image/png"}) {
    const auto reply = missing_image(accept);
    EXPECT_THAT(reply, Answers(404, "404 Not Found\n\n")) << testing::PrintToString(accept);
    EXPECT_THAT(reply.header("Content-Type"), testing::StartsWith("text/plain"));
  }
}

TEST_F(Protocol, HeadIsNotAllowedAnywhere) {
  const auto id = create_active(cloud().demo, "data");
  for (const auto& path :
       {std::string("/v2/images"), "/v2/images/" + id, "/v2/images/" + id + "/file"}) {
    EXPECT_THAT(cloud().glance.send("HEAD", path, as(cloud().demo)), Answers(405)) << path;
  }
}

TEST_F(Protocol, LongRequestLineIsRefused) {
  if (is(Flavour::kUwsgi)) GTEST_SKIP() << "uWSGI takes 64 KiB";
  const auto path = "/v2/images?limit=0&name=eq:" + std::string(8192, 'a');
  EXPECT_THAT(get(cloud().demo, path), Answers(414));
  EXPECT_THAT(get(cloud().demo, path.substr(0, 8000)), Answers(200));
}

// The query is not refused but forgotten: the answer is the unfiltered list.
TEST_F(Protocol, UwsgiDropsAVeryLongQuery) {
  if (!is(Flavour::kUwsgi)) GTEST_SKIP() << "only uWSGI does that";
  const auto id = create(cloud().demo);
  const auto reply = get(cloud().demo, "/v2/images?name=eq:" + std::string(33'000, 'a'));
  EXPECT_THAT(reply, Answers(200, id));
}

TEST_F(Protocol, LongHeaderLineIsRefused) {
  if (is(Flavour::kUwsgi)) GTEST_SKIP() << "uWSGI takes 64 KiB";
  EXPECT_THAT(get(cloud().demo, "/v2/images?limit=0", {{"X-Long", std::string(16'400, 'a')}}),
              Answers(400));
}

TEST_F(Protocol, ConnectionsAreKeptUnlessUwsgiServes) {
  Wire wire(cloud().glance);
  wire.head("GET", "/v2/images?limit=0", as(cloud().demo));
  EXPECT_THAT(wire.reply(), Answers(200));
  if (is(Flavour::kUwsgi)) {
    EXPECT_TRUE(wire.ended());
    return;
  }
  wire.head("GET", "/v2/images?limit=0", as(cloud().demo));
  EXPECT_THAT(wire.reply(), Answers(200));
}

}  // namespace
}  // namespace glancefs::cloud
